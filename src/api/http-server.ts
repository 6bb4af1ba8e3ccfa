/**
 * The HTTP side: health, status and metrics, on bare `node:http` so that a small machine pays nothing for them; the API
 * where there is one, loaded by its first request. Recording does not depend on it: a port that is taken is reported and
 * tried again.
 *
 *     GET /health        every component, 503 where one is not well
 *     GET /health/live   the process turns
 *     GET /health/ready  disk and uploads work
 *     GET /status        the whole report, as `chatlog status` shows it
 *     GET /metrics       Prometheus
 *     everything else    the API
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { explainError } from './explain-error.ts';
import type { Scrape } from './metrics.ts';
import type { StatusReport } from './status.ts';

/** What `/health` answers. */
export type HealthReport = Pick<StatusReport, 'version' | 'uptimeSeconds' | 'healthy' | 'components'> & {
  /** The process does its work at all: what a load balancer or supervisor should act on. */
  ready: boolean;
};

export interface HttpServerOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  health(): HealthReport;
  /** Of a recorder. */
  status?(): StatusReport;
  scrape?: Scrape;
  /** Takes what is not answered here. Called by the first such request, and again where it failed. */
  loadApi?(): Promise<RequestListener>;
  /** Which requests are worth loading it for; all of them when left out. */
  isForApi?(request: IncomingMessage): boolean;
  /** Milliseconds; shorter in tests. */
  requestTimeoutMs?: number;
  silentSocketMs?: number;
  log: Logger;
  /** The server listens; the URL has the actual port. */
  onListening(url: string): void;
}

const RETRY_MS = 10_000;
/** A request has to arrive within this time. */
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 2_000;
const CONNECTIONS_MAX = 256;
/** With the API: each waits for its turn there. */
const API_CONNECTIONS_MAX = 1_024;
/** A client that does not read its answer keeps it in our memory. */
const SILENT_SOCKET_MS = 30_000;

/** Serves until aborted. Never rejects. */
export async function serveHttp(options: HttpServerOptions, signal: AbortSignal): Promise<void> {
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS, silentSocketMs = SILENT_SOCKET_MS } = options;
  const api = options.loadApi && loadedOnce(options.loadApi);
  const server = createServer(
    {
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, requestTimeoutMs),
    },
    (request, response) => {
      answer(request, response, options, api).catch((error: unknown) => {
        options.log.error({ err: error, path: pathOf(request) }, 'a request failed');
        if (response.headersSent) response.destroy();
        else {
          const { statusCode, code, message, hint } = explainError(error).error;
          sendError(response, statusCode, code, message, hint);
        }
      });
    },
  );
  server.maxConnections = options.loadApi ? API_CONNECTIONS_MAX : CONNECTIONS_MAX;
  server.timeout = silentSocketMs;
  server.on('clientError', refuse);
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

type LoadApi = () => Promise<RequestListener>;

/** What failed is tried again by the next request. */
function loadedOnce(load: LoadApi): LoadApi {
  let loading: Promise<RequestListener> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

const OWN_PATHS: ReadonlySet<string> = new Set([
  '/health',
  '/health/live',
  '/health/ready',
  '/status',
  '/metrics',
]);

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
  api: LoadApi | undefined,
): Promise<void> {
  const path = pathOf(request);
  if (api && !OWN_PATHS.has(path) && (options.isForApi?.(request) ?? true)) {
    const listener = await api();
    // Nobody waits for it any more.
    if (response.destroyed) return;
    return listener(request, response);
  }
  request.resume();
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    sendError(response, 405, 'method_not_allowed', 'method not allowed');
    return;
  }
  await answerOwn(path, response, options);
}

async function answerOwn(path: string, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  switch (path) {
    case '/health': {
      const { healthy, components, version, uptimeSeconds } = options.health();
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
      const { ready } = options.health();
      sendJson(response, ready ? 200 : 503, { status: ready ? 'ok' : 'not ready' });
      return;
    }
    case '/status':
      if (options.status) return sendJson(response, 200, options.status());
      break;
    case '/metrics':
      if (options.scrape) {
        const { contentType, text } = await options.scrape();
        return send(response, 200, contentType, text);
      }
      break;
  }
  sendError(response, 404, 'not_found', 'not found', 'try /health, /status or /metrics');
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

/** What is no HTTP, or too much, or too slow, as the parser says it. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, message] = REFUSALS[error.code ?? ''] ?? [
    '400 Bad Request',
    'bad_request',
    'this is no HTTP request',
  ];
  const body = `${JSON.stringify({ error: { code, message } })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

const REFUSALS: Readonly<Record<string, [status: string, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'headers_too_large',
    'address and headers are too long',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request_timeout', 'the request took too long to arrive'],
};

function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  hint?: string,
): void {
  sendJson(response, status, { error: { code, message, hint } });
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
