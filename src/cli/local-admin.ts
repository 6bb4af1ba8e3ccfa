/**
 * How commands reach the instance that runs on this data directory: it alone may touch what lies there. They are let in
 * by the token of its run file, which only its own user may read.
 */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ApiErrorBody } from '../api/api-error.ts';
import type { Config } from '../config/schema.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { runningInstance } from './running-instance.ts';

export interface InstanceAnswer {
  status: number;
  /** Parsed JSON; undefined where there was none. */
  body: unknown;
}

/**
 * The running instance's answer to an admin request; undefined where none runs. What it takes hours for it may: nothing
 * is given up before it answers. Throws `instance_unreachable` where one runs and cannot be asked, and its refusal
 * (status 400 and above) under its own code.
 */
export async function askInstance(
  config: Pick<Config, 'data_dir'>,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<InstanceAnswer | undefined> {
  const instance = await runningInstance(config.data_dir);
  if (!instance) return undefined;
  const { url, pid, localToken } = instance;
  if (url === null || localToken === undefined)
    throw new ChatlogError(
      'instance_unreachable',
      `chatlog runs here (process ${pid}) and does not take requests`,
      {
        hint: 'Set "http.enabled: true", wait until it listens, or stop it first.',
      },
    );
  const answer = await ask(new URL(path, url), method, localToken, body).catch((error: unknown) => {
    throw new ChatlogError('instance_unreachable', `cannot ask ${url}: ${errorText(error)}`, {
      cause: error,
    });
  });
  if (answer.status >= 400) throw refusal(answer);
  return answer;
}

function ask(url: URL, method: string, token: string, body: unknown): Promise<InstanceAnswer> {
  return new Promise((resolve, reject) => {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const outgoing = request(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(content !== undefined && { 'content-type': 'application/json' }),
      },
    });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      text(response).then(
        (content) => resolve({ status: response.statusCode ?? 0, body: parse(content) }),
        reject,
      );
    });
    outgoing.end(content);
  });
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function refusal({ status, body }: InstanceAnswer): ChatlogError {
  const error = (body as Partial<ApiErrorBody> | undefined)?.error;
  return new ChatlogError(
    error?.code ?? 'refused',
    error?.message ?? `the running chatlog answered ${status}`,
    {
      hint: error?.hint,
    },
  );
}
