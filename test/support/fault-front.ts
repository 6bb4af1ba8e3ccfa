/**
 * An HTTP front before a real S3 server that misbehaves as scripted. Each {@link Fault} applies to the requests it
 * matches, `times` times; everything else passes through unchanged.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';

type Act =
  /** Accepts the request and never answers. */
  | { act: 'hang' }
  /** Passes the request on so much later. */
  | { act: 'delay'; ms: number }
  /** Answers in the server's place. */
  | { act: 'status'; status: number; code: string; headers?: Record<string, string> }
  /** Resets the connection before reading the body. */
  | { act: 'reset' }
  /** Resets the connection once so much of the body came. */
  | { act: 'resetMidRequest'; bytes: number }
  /** Passes so much of the response's body on, then resets. */
  | { act: 'truncate'; bytes: number }
  /** Passes so much of the response's body on, then says nothing more. */
  | { act: 'hangMidResponse'; bytes: number }
  /** The server does what was asked, but its answer is lost. */
  | { act: 'dropAfter' }
  /** Flips one bit of the body on the way to the server. */
  | { act: 'corruptRequest' }
  /** Flips one bit of the body on the way back. */
  | { act: 'corruptResponse' }
  /** Changes headers on the way to the server; undefined removes one. */
  | { act: 'editRequest'; headers: Record<string, string | undefined> }
  /** Removes headers on the way back. */
  | { act: 'editResponse'; remove: RegExp };

export type Fault = Act & {
  match?: (request: IncomingMessage) => boolean;
  /** How often it strikes; 1 when left out. */
  times?: number;
};

export interface FaultFront {
  url: string;
  faults: Fault[];
  /** Every request in the order it came: `PUT /bucket/key?query`. */
  log: string[];
  /** The largest number of requests that were open at the same time. */
  peakInFlight(): number;
  close(): Promise<void>;
}

/** @param tls certificate and key (PEM), to speak TLS */
export async function startFaultFront(
  upstream: string,
  tls?: { cert: string; key: string },
): Promise<FaultFront> {
  const agent = new Agent({ keepAlive: true });
  const faults: Fault[] = [];
  const log: string[] = [];
  let inFlight = 0;
  let peak = 0;
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    log.push(`${incoming.method} ${incoming.url}`);
    inFlight++;
    peak = Math.max(peak, inFlight);
    outgoing.once('close', () => inFlight--);
    serve(takeFault(faults, incoming), incoming, outgoing, new URL(upstream), agent);
  };
  const server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest);
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    log,
    peakInFlight: () => peak,
    close: async () => {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function takeFault(faults: Fault[], incoming: IncomingMessage): Fault | undefined {
  const fault = faults.find(({ times = 1, match }) => times > 0 && (match?.(incoming) ?? true));
  if (fault) fault.times = (fault.times ?? 1) - 1;
  return fault;
}

function serve(
  fault: Fault | undefined,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  upstream: URL,
  agent: Agent,
): void {
  const reset = (): void => {
    incoming.socket.resetAndDestroy();
  };
  switch (fault?.act) {
    case 'hang':
      incoming.resume();
      return;
    case 'delay':
      setTimeout(() => forward(undefined, incoming, outgoing, upstream, agent, reset), fault.ms);
      return;
    case 'reset':
      reset();
      return;
    case 'resetMidRequest': {
      let seen = 0;
      incoming.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen >= fault.bytes) reset();
      });
      incoming.on('end', reset);
      return;
    }
    case 'status':
      incoming.resume();
      incoming.on('end', () => {
        outgoing.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers });
        outgoing.end(incoming.method === 'HEAD' ? undefined : errorBody(fault.code));
      });
      return;
    default:
      forward(fault, incoming, outgoing, upstream, agent, reset);
  }
}

function forward(
  fault: Fault | undefined,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  upstream: URL,
  agent: Agent,
  reset: () => void,
): void {
  const headers = { ...incoming.headers, ...(fault?.act === 'editRequest' ? fault.headers : {}) };
  for (const name of Object.keys(headers)) if (headers[name] === undefined) delete headers[name];
  const onward = request(
    {
      host: upstream.hostname,
      port: upstream.port,
      method: incoming.method,
      path: incoming.url,
      headers,
      agent,
    },
    (answer) => passBack(fault, answer, outgoing, reset),
  );
  onward.on('error', reset);
  incoming.on('close', () => {
    if (!incoming.complete) onward.destroy();
  });
  (fault?.act === 'corruptRequest' ? incoming.pipe(flipOneBit()) : incoming).pipe(onward);
}

function passBack(
  fault: Fault | undefined,
  answer: IncomingMessage,
  outgoing: ServerResponse,
  reset: () => void,
): void {
  if (fault?.act === 'dropAfter') {
    answer.resume();
    answer.on('end', reset);
    return;
  }
  const headers = { ...answer.headers };
  if (fault?.act === 'editResponse') {
    for (const name of Object.keys(headers)) if (fault.remove.test(name)) delete headers[name];
  }
  outgoing.writeHead(answer.statusCode ?? 502, headers);
  if (fault?.act === 'truncate' || fault?.act === 'hangMidResponse') {
    let left = fault.bytes;
    answer.on('data', (chunk: Buffer) => {
      if (left <= 0) return;
      const part = chunk.subarray(0, left);
      left -= part.length;
      outgoing.write(part, () => {
        if (left <= 0 && fault.act === 'truncate') setTimeout(reset, 20);
      });
    });
    return;
  }
  (fault?.act === 'corruptResponse' ? answer.pipe(flipOneBit()) : answer).pipe(outgoing);
}

function flipOneBit(): Transform {
  let flipped = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (flipped || chunk.length === 0) return done(null, chunk);
      flipped = true;
      const copy = Buffer.from(chunk);
      copy[copy.length >> 1]! ^= 1;
      done(null, copy);
    },
  });
}

function errorBody(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
}
