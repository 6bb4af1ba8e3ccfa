import type { ChannelReport, IndexReport, RetentionReport, StatusReport } from '../api/status.ts';
import { loadConfig } from '../config/load-config.ts';
import { errorText } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes, formatDuration } from './format.ts';
import { printProblems } from './open-config.ts';
import { runningInstance } from './running-instance.ts';
import { type Cell, type Style, type Terminal, table } from './terminal.ts';

export interface StatusTools {
  fetch: typeof fetch;
  /** Milliseconds since the epoch. */
  now(): number;
}

const TIMEOUT_MS = 5_000;

/** The example takes `data_dir` from the environment, which a service manager and a shell seldom share. */
const ELSEWHERE = 'from the file, DATA_DIR or the default; the recorder may have been started with another';

/** `chatlog status`: asks the running instance how it is. Fails when none runs, or it is not healthy. */
export async function status(
  options: { config: string; json?: boolean; url?: string },
  terminal: Terminal,
  tools: StatusTools = { fetch, now: Date.now },
): Promise<number> {
  const found =
    options.url === undefined ? await findInstance(options.config, terminal) : { url: options.url };
  if ('exitCode' in found) return found.exitCode;
  if (!URL.canParse(found.url)) {
    terminal.err(`--url should be an address such as http://127.0.0.1:8080, found "${found.url}"`);
    return EXIT.usage;
  }
  const report = await ask(found.url, tools.fetch).catch((error: unknown) => {
    const cause = error instanceof TypeError && error.cause ? error.cause : error;
    terminal.err(`${found.url} does not answer: ${errorText(cause)}`);
    return undefined;
  });
  if (!report) return EXIT.failed;
  if (options.json) terminal.out(JSON.stringify(report, null, 2));
  else printReport(report, terminal, tools.now());
  return report.healthy ? EXIT.ok : EXIT.failed;
}

async function findInstance(
  file: string,
  terminal: Terminal,
): Promise<{ url: string } | { exitCode: number }> {
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    printProblems(loaded.problems, terminal);
    terminal.err(
      '\nWithout the configuration, name the instance: chatlog status --url http://127.0.0.1:8080',
    );
    return { exitCode: EXIT.usage };
  }
  const { config } = loaded;
  const running = await runningInstance(config.data_dir);
  if (running?.url) return { url: running.url };
  if (running)
    terminal.err(
      `A recorder runs (pid ${running.pid}), but its HTTP server does not listen (http.port taken or http switched off).`,
    );
  else
    terminal.err(
      `No recorder runs with data_dir ${config.data_dir} (${ELSEWHERE}).\nStart one with "chatlog run --config ${file}", or name another address with --url.`,
    );
  return { exitCode: EXIT.failed };
}

async function ask(url: string, fetcher: typeof fetch): Promise<StatusReport> {
  const response = await fetcher(new URL('/status', url), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body = (await response.json().catch(() => undefined)) as StatusReport | undefined;
  if (!response.ok && !body?.components) throw new Error(`HTTP status ${response.status}`);
  if (typeof body !== 'object' || !Array.isArray(body.channels)) throw new Error('that is no Chatlog');
  return body;
}

function printReport(report: StatusReport, terminal: Terminal, nowMs: number): void {
  const health = report.healthy ? terminal.style('green', 'healthy') : terminal.style('red', 'not healthy');
  const name = report.instance === '' ? 'chatlog' : `chatlog ${report.instance}`;
  terminal.out(
    `${terminal.style('bold', name)} ${report.version}, ${health}, up ${formatDuration(report.uptimeSeconds)}`,
  );
  for (const [component, { ok, detail }] of Object.entries(report.components)) {
    if (!ok) terminal.out(`${terminal.style('red', component)}: ${escapeControl(detail)}`);
  }
  terminal.out('');
  if (report.channels.length === 0) terminal.out('No channels yet: chatlog channels add NAME');
  else terminal.out(channelTable(report.channels, terminal, nowMs));
  terminal.out('');
  if (report.connections.length > 0) terminal.out(`${connectionTable(report, terminal, nowMs)}\n`);
  terminal.out(escapeControl(summary(report), { keepLines: true }));
}

/** What needs a person's eye first. */
function channelTable(channels: readonly ChannelReport[], terminal: Terminal, nowMs: number): string {
  const sorted = channels.toSorted(
    (a, b) =>
      Number(a.state === 'joined') - Number(b.state === 'joined') ||
      b.messagesPerMinute - a.messagesPerMinute,
  );
  const rows = sorted.map((channel): Cell[] => [
    { text: channel.platform },
    { text: channel.channel, style: 'bold' },
    { text: channel.state, style: stateStyle(channel.state) },
    { text: channel.messagesPerMinute.toFixed(channel.messagesPerMinute < 10 ? 1 : 0), align: 'right' },
    { text: age(channel.lastMessageAt, nowMs), align: 'right' },
    { text: String(channel.lines), align: 'right' },
    { text: channel.reason ?? '' },
  ]);
  return table(terminal, ['PLATFORM', 'CHANNEL', 'STATE', 'MSG/MIN', 'LAST', 'LINES', 'REASON'], rows);
}

function connectionTable(report: StatusReport, terminal: Terminal, nowMs: number): string {
  const rows = report.connections.map((connection): Cell[] => [
    { text: `${connection.platform} #${connection.id}` },
    { text: connection.state, style: connection.state === 'connected' ? 'green' : 'yellow' },
    { text: String(connection.channels), align: 'right' },
    { text: age(connection.lastHeardAt, nowMs), align: 'right' },
    { text: connection.reason ?? '' },
  ]);
  return table(terminal, ['CONNECTION', 'STATE', 'CHANNELS', 'HEARD', 'REASON'], rows);
}

function summary({ recorder, spool, upload, index, retention }: StatusReport): string {
  const oldest =
    upload.oldestNotUploadedAt === null
      ? 'nothing waits'
      : `oldest waiting since ${upload.oldestNotUploadedAt} (${formatDuration(upload.oldestNotUploadedAgeSeconds)})`;
  const odd = Object.entries({
    duplicates: recorder.duplicates,
    'sampled out': recorder.sampledOut,
    dropped: recorder.dropped,
    gaps: recorder.gaps,
    'not understood': recorder.parseFailures,
  }).flatMap(([what, number]) => (number > 0 ? [`${number} ${what}`] : []));
  const lines = [
    `recorded  ${[`${recorder.recorded} lines`, ...odd, `last commit took ${recorder.lastCommitMs.toFixed(1)} ms`].join(', ')}`,
    `spool     ${spool.openFiles} open (${formatBytes(spool.openBytes)}), ${spool.sealedFiles} to upload (${formatBytes(spool.sealedBytes)}), ${formatBytes(spool.freeBytes)} free`,
    `upload    ${upload.store}: ${upload.uploaded} files verified, ${upload.inFlight} on their way, ${oldest}`,
  ];
  if (retention) lines.push(`retention ${retentionLine(retention)}`);
  if (index) lines.push(`index     ${indexLine(index)}`);
  if (spool.quarantinedFiles > 0) lines.push(`          ${spool.quarantinedFiles} files in quarantine`);
  if (upload.lastError !== null) lines.push(`          last error: ${upload.lastError}`);
  return lines.join('\n');
}

function retentionLine({ running, lastRunAt, nextRunAt, waitingDays, deadLetters }: RetentionReport): string {
  const parts = [
    lastRunAt === null ? 'not run yet' : `last at ${lastRunAt}`,
    running ? 'running now' : nextRunAt === null ? '' : `next at ${nextRunAt}`,
    waitingDays > 0 ? `${waitingDays} days of data wait` : '',
    deadLetters > 0 ? `${deadLetters} pipeline runs given up` : '',
  ];
  return parts.filter(Boolean).join(', ');
}

function indexLine({ database, state, lagSeconds, inserted, lastError }: IndexReport): string {
  const lag = lagSeconds === null ? '' : `, ${formatDuration(lagSeconds)} behind`;
  const error = lastError === null ? '' : `; last error: ${lastError}`;
  return `${database}: ${state.replace('_', ' ')}${lag}, ${inserted} rows since the start${error}`;
}

function stateStyle(state: string): Style {
  if (state === 'joined') return 'green';
  return state === 'queued' || state === 'joining' ? 'yellow' : 'red';
}

function age(at: string | null, nowMs: number): string {
  return at === null ? '-' : formatDuration((nowMs - Date.parse(at)) / 1000);
}
