/** Whether a container engine answers. Asked before testcontainers is loaded, which hangs on an engine that does not. */
import { existsSync } from 'node:fs';
import { get, type RequestOptions } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** True where an engine answers `GET /_ping` within the time given. Never throws. */
export async function dockerAnswers(timeoutMs = 800): Promise<boolean> {
  for (const target of engines()) if (await ping(target, timeoutMs)) return true;
  return false;
}

function engines(): RequestOptions[] {
  const host = process.env.DOCKER_HOST;
  if (host?.startsWith('tcp://')) {
    const url = new URL(host);
    return [{ host: url.hostname, port: url.port || 2375 }];
  }
  if (host?.startsWith('unix://')) return [{ socketPath: host.slice('unix://'.length) }];
  if (host) return [];
  const runtime = process.env.XDG_RUNTIME_DIR;
  return [
    '/var/run/docker.sock',
    join(homedir(), '.docker/run/docker.sock'),
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
  ]
    .filter((path) => existsSync(path))
    .map((socketPath) => ({ socketPath }));
}

function ping(target: RequestOptions, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ ...target, path: '/_ping', signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}
