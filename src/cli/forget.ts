/** `chatlog forget`: removes a person from everything that was recorded. A running instance is asked to do it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ForgetJobAnswer } from '../api/routes/admin-privacy.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import type { ForgetJob, ForgetRequest } from '../privacy/privacy-desk.ts';
import { EXIT } from './exit-code.ts';
import { askInstance } from './local-admin.ts';
import { openConfig } from './open-config.ts';
import type { Terminal } from './terminal.ts';
import { withPrivacy } from './with-privacy.ts';

export interface ForgetOptions {
  config: string;
  user: string;
  platform: string;
  dryRun?: boolean;
  optOut?: boolean;
  json?: boolean;
}

const ASK_MS = 500;

/** Fails where somebody else is meant, or where it could not be done wholly. */
export async function forgetCommand(options: ForgetOptions, terminal: Terminal): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const { user, platform, dryRun = false, optOut = false } = options;
  const request: ForgetRequest = { user, platform, dryRun, optOut };
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  try {
    const job =
      (await forgetThere(loaded, request, stop.signal)) ?? (await forgetHere(loaded, request, stop.signal));
    if (job.state === 'failed') throw failure(job);
    if (options.json) terminal.out(JSON.stringify(job, null, 2));
    else printJob(job, terminal);
    return job.report && job.report.unreadable.length > 0 ? EXIT.failed : EXIT.ok;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    terminal.err(
      'Stopped. What was decided stays decided: the next "chatlog run", or the same command, goes on.',
    );
    return EXIT.failed;
  } finally {
    removeSignals();
  }
}

type EndedJob = ForgetJobAnswer | ForgetJob;

async function forgetThere(
  { config }: LoadedConfig,
  request: ForgetRequest,
  signal: AbortSignal,
): Promise<EndedJob | undefined> {
  const begun = await askInstance(config, 'POST', '/api/admin/forget', request);
  if (!begun) return undefined;
  const { id } = begun.body as ForgetJobAnswer;
  for (;;) {
    await sleep(ASK_MS, undefined, { signal });
    const answer = await askInstance(config, 'GET', `/api/admin/forget/${id}`);
    if (!answer)
      throw new ChatlogError('instance_gone', 'the running chatlog ended', {
        hint: 'What was decided stays decided: its next start, or the same command, goes on.',
      });
    const job = answer.body as ForgetJobAnswer;
    if (job.state === 'done' || job.state === 'failed') return job;
  }
}

async function forgetHere(
  loaded: LoadedConfig,
  request: ForgetRequest,
  signal: AbortSignal,
): Promise<EndedJob> {
  return withPrivacy(loaded, signal, async ({ desk, forgetter }) => {
    // What an earlier one did not get to.
    if (!request.dryRun) await forgetter.carryOutAll(signal);
    const { id } = desk.forget(request, 'command', signal);
    for (;;) {
      const job = desk.job(id)!;
      if (job.state === 'waiting' || (job.state === 'running' && !request.dryRun))
        await forgetter.carryOutAll(signal);
      else if (job.state === 'done' || job.state === 'failed') return job;
      else await sleep(ASK_MS / 10, undefined, { signal });
    }
  });
}

function failure({ error }: EndedJob): ChatlogError {
  const { code = 'failed', message = 'it failed', hint } = error ?? {};
  return new ChatlogError(code, message, { hint });
}

function printJob({ dryRun, person, report }: EndedJob, terminal: Terminal): void {
  const { userKey = '', names = [] } = person ?? {};
  const known = names.length === 0 ? '' : ` (${names.join(', ')})`;
  terminal.out(escapeControl(`${person?.platform} ${userKey}${known}`));
  if (!report) return;
  const would = dryRun ? 'would be ' : '';
  for (const { name, removed, blanked } of report.changed)
    terminal.out(escapeControl(`  ${name}: ${removed} ${would}removed, ${blanked} ${would}blanked`));
  terminal.out(
    `${report.linesRemoved} lines ${would}removed, ${report.linesBlanked} lines of others ${would}blanked, in ` +
      `${report.files} local files and ${report.objectsChanged} of ${report.objectsSeen} objects; ` +
      `${report.rows} rows of the index.`,
  );
  for (const key of report.unreadable)
    terminal.err(escapeControl(`Cannot be read, so nobody can tell what it holds: ${key}`));
}
