import { escapeControl } from '../lib/escape-control.ts';
import { systemErrorCode } from '../lib/system-error.ts';

/**
 * Writes bytes to standard output and resolves when more may come. On a terminal what it would obey is shown as `\uXXXX`.
 * Rejects with EPIPE where the reader went away: see {@link isReaderGone}.
 */
export function writeStdout(bytes: Uint8Array): Promise<void> {
  const { stdout } = process;
  const shown = stdout.isTTY
    ? escapeControl(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(), { keepLines: true })
    : bytes;
  return new Promise((resolve, reject) => {
    stdout.write(shown, (error) => (error ? reject(error) : resolve()));
  });
}

/** `| head` has seen enough. */
export function isReaderGone(error: unknown): boolean {
  return ['EPIPE', 'ERR_STREAM_DESTROYED'].includes(systemErrorCode(error) ?? '');
}
