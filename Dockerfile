# syntax=docker/dockerfile:1
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The pinned Node of package.json is for machines without one; the image has its own.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:26-slim
ENV NODE_ENV=production \
    CHATLOG_CONFIG=/data/config.yaml \
    DATA_DIR=/data/spool \
    HTTP_HOST=0.0.0.0 \
    PORT=8080 \
    # For 256 MB: freed memory goes back to the system, and the heap is kept small (npm run bench -- memory).
    GLIBC_TUNABLES=glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=65536:glibc.malloc.arena_max=1 \
    NODE_OPTIONS="--max-semi-space-size=8 --max-old-space-size=128"
WORKDIR /app
COPY --from=build /app/package.json /app/config.example.yaml ./
COPY --from=build /app/dist dist
COPY scripts/docker-entrypoint.sh /usr/local/bin/
RUN mkdir /data && chown node:node /data
VOLUME /data
# Starts as root to give a new volume to the user `node`, and becomes that user before anything else.
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node itself, not npm: npm does not pass signals on.
CMD ["node", "dist/main.js", "run"]
