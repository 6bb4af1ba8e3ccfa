/** A platform of its own in 30 lines: chat over TCP, one JSON object per line. See `docs/adding-a-platform.md`. */
import { once } from 'node:events';
import net from 'node:net';
import type { FeedPlatform } from '../../src/connectors/feed-connector.ts';
import { LineSplitter } from '../../src/connectors/irc/line-splitter.ts';
import { OddLines } from '../../src/connectors/irc/odd-lines.ts';
import { parseJsonLine } from './parse-json-line.ts';

export function jsonLinesChat(port: number, now: () => number, host = '127.0.0.1'): FeedPlatform {
  return {
    platform: 'example',
    async connect(feed, signal) {
      const socket = net.connect({ host, port, signal });
      const closed = new Promise<string>((resolve) => {
        let cause = 'closed by the server';
        socket.on('error', (error) => (cause = error.message)).once('close', () => resolve(cause));
      });
      const oddLines = new OddLines();
      const lines = new LineSplitter({
        line: (line) => {
          const { joined, captured } = parseJsonLine(line, now());
          if (joined !== undefined) feed.joined(joined);
          else feed.event(captured);
        },
        bytes: (bytes, why, piece) =>
          feed.event(oddLines.event(bytes, why, piece, (line) => parseJsonLine(line, now()).captured)),
      });
      await once(socket, 'connect', { signal });
      socket.on('data', (chunk: Buffer) => {
        feed.heard();
        lines.push(chunk);
      });
      return {
        closed,
        join: ({ name }) => void socket.write(`${JSON.stringify({ join: name })}\n`),
        part: (name) => void socket.write(`${JSON.stringify({ part: name })}\n`),
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
        close: () => void socket.destroy(),
      };
    },
  };
}
