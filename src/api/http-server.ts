/**
 * The HTTP side of the recorder: health, status and metrics, on bare `node:http` so that a small machine pays nothing
 * for it. Recording does not depend on it: a port that is taken is reported and tried again.
 *
 *     GET /health        every component, 503 where one is not well
 *     GET /health/live   the process turns
 *     GET /health/ready  disk and uploads work
 *     GET /status        the whole report, as `chatlog status` shows it
 *     GET /metrics       Prometheus
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { isReady } from './build-status.ts';
import type { Metrics } from './metrics.ts';
import type { StatusReport } from './status.ts';

export interface HttpServerOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  status(): StatusReport;
  metrics: Metrics;
  log: Logger;
  /** The server listens; the URL has the actual port. */
  onListening(url: string): void;
}

const RETRY_MS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 256;
/** A client that does not read its answer keeps it in our memory. */
const SILENT_SOCKET_MS = 30_000;

/** Serves until aborted. Never rejects. */
export async function serveHttp(options: HttpServerOptions, signal: AbortSignal): Promise<void> {
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: HEADERS_TIMEOUT_MS },
    (request, response) => {
      request.resume();
      answer(request.method ?? '', request.url ?? '/', response, options).catch((error: unknown) => {
        options.log.error({ err: errorText(error), url: request.url }, 'a request failed');
        response.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = SILENT_SOCKET_MS;
  signal.addEventListener('abort', () => {
    server.close();
    server.closeAllConnections();
  });
  while (!signal.aborted) {
    try {
      await listen(server, options);
      break;
    } catch (error) {
      options.log.error(
        { host: options.host, port: options.port, err: errorText(error) },
        'cannot listen; recording goes on, trying again',
      );
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function listen(server: Server, { host, port, onListening, log }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      // A connection that could not be accepted (no file descriptors left) is no reason to end.
      server.on('error', (error) => log.warn({ err: errorText(error) }, 'cannot accept a connection'));
      const address = server.address() as AddressInfo;
      const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
      onListening(`http://${shown.includes(':') ? `[${shown}]` : shown}:${address.port}`);
      resolve();
    });
  });
}

async function answer(
  method: string,
  url: string,
  response: ServerResponse,
  options: HttpServerOptions,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    sendJson(response, 405, { error: 'method not allowed' });
    return;
  }
  switch (url.split('?', 1)[0]) {
    case '/health': {
      const { healthy, components, version, uptimeSeconds } = options.status();
      sendJson(response, healthy ? 200 : 503, {
        status: healthy ? 'ok' : 'degraded',
        version,
        uptimeSeconds,
        components,
      });
      return;
    }
    case '/health/live':
      sendJson(response, 200, { status: 'ok' });
      return;
    case '/health/ready': {
      const ready = isReady(options.status());
      sendJson(response, ready ? 200 : 503, { status: ready ? 'ok' : 'not ready' });
      return;
    }
    case '/status':
      sendJson(response, 200, options.status());
      return;
    case '/metrics': {
      const text = await options.metrics.render();
      send(response, 200, options.metrics.contentType, text);
      return;
    }
    default:
      sendJson(response, 404, { error: 'not found', hint: 'try /health, /status or /metrics' });
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json; charset=utf-8', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
