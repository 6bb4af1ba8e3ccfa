import { ChatlogError, errorText } from '../../../lib/errors.ts';
import { DAY_MS, dayText } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import { summariseDay } from '../summarise-day.ts';
import type { StepCall } from './step.ts';

const ANSWER_CHARS = 300;

/**
 * Posts a summary of the day. A 2xx means done. `Idempotency-Key` is the same at every attempt, so that the receiver can
 * tell a repetition: an answer that got lost is asked for again. Redirects are not followed, since headers may be secret.
 */
export async function webhook(call: StepCall<'webhook'>): Promise<StepResult> {
  const { step, tools, signal, channelId, dayMs, pipeline, platform, channel, key } = call;
  const summary = await tools.database.transaction((session) => summariseDay(session, channelId, dayMs));
  const deadline = AbortSignal.timeout(step.timeout_seconds * 1000);
  try {
    const response = await tools.fetch(step.url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...step.headers, 'idempotency-key': key },
      body: JSON.stringify({
        key,
        pipeline,
        platform,
        channel,
        day: dayText(dayMs),
        from: new Date(dayMs).toISOString(),
        to: new Date(dayMs + DAY_MS).toISOString(),
        summary,
      }),
      signal: AbortSignal.any([signal, deadline]),
    });
    const problem = await problemOf(response);
    if (problem !== undefined) throw failure(step.url, problem);
    return { status: response.status };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ChatlogError) throw error;
    if (deadline.aborted) throw failure(step.url, `no answer within ${step.timeout_seconds} s`);
    throw failure(step.url, errorText(error instanceof TypeError && error.cause ? error.cause : error));
  }
}

async function problemOf(response: Response): Promise<string | undefined> {
  if (response.ok) {
    await response.body?.cancel();
    return undefined;
  }
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    return `answers ${response.status} and refers to ${response.headers.get('location') ?? 'nowhere'}: give the address itself`;
  }
  return `answers ${response.status} ${await beginning(response)}`.trimEnd();
}

/** Enough of the answer to understand it, however long it is. */
async function beginning(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= ANSWER_CHARS) break;
  }
  return text.slice(0, ANSWER_CHARS);
}

/** Without path and query, which may hold secrets. */
function failure(url: string, what: string): ChatlogError {
  return new ChatlogError('step_failed', `${new URL(url).origin}: ${what}`, { retryable: true });
}
