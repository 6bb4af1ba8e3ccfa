/** What an operator and Prometheus see, right after input that is known: /health, /status and /metrics. */
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/api/status.ts';
import { freePort } from '../support/free-port.ts';
import { chatLine, chatLines } from '../support/live-lines.ts';
import { metricValue } from '../support/parse-metrics.ts';
import { type RunningChatlog, runChatlog } from '../support/run-chatlog.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, gapsWritten, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

const HOUR_MS = 3_600_000;

async function health(chatlog: RunningChatlog, path = ''): Promise<{ status: number; body: StatusReport }> {
  const response = await fetch(`${await chatlog.url()}/health${path}`);
  return { status: response.status, body: (await response.json()) as StatusReport };
}

test.concurrent('every figure is right after known input', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann', { name: 'bob', sampling_rate: 0 }, 'nobody'],
    twitch: { join_timeout_seconds: 600 },
    recorder: { compression: 'none' },
  });
  server.refusals.set('nobody', 'banned');
  await joined(chatlog, 'ann', 'bob');
  const past = Date.now() - 10 * HOUR_MS;
  const anns = [...chatLines('ann', 30), ...[1, 2, 3].map((n) => chatLine('ann', `late ${n}`, past))];
  server.sayTo('ann', ...anns, anns[0]!, anns[1]!);
  server.sayTo(
    'ann',
    `@ban-duration=60;room-id=1;target-user-id=9;tmi-sent-ts=${Date.now()} :tmi.twitch.tv CLEARCHAT #ann :eve`,
  );
  server.sayTo('ann', ':tmi.twitch.tv SOMETHING #ann :new');
  server.sayTo('bob', ...chatLines('bob', 7));
  const last = chatLine('ann', 'the last');
  server.sayTo('ann', last);
  await arrived(chatlog, [...anns, last]);
  await chatlog.until(
    'the past hour is uploaded',
    async () => (await chatlog.status()).upload.uploaded === 1,
  );

  const text = String(await chatlog.get('/metrics'));
  const metrics = await chatlog.metrics();
  const value = (name: string, labels = {}) => metricValue(metrics, `chatlog_${name}`, labels);
  const ann = { platform: 'twitch', channel: 'ann' };
  expect(value('messages_total', { ...ann, type: 'message' })).toBe(34);
  expect(value('messages_total', { ...ann, type: 'timeout' })).toBe(1);
  expect(value('messages_total', { ...ann, type: 'raw' })).toBe(1);
  expect(value('messages_total', { ...ann, type: 'room' }), 'the ROOMSTATE of the join').toBe(1);
  expect(value('messages_total', { channel: 'bob', type: 'message' }) ?? 0).toBe(0);
  expect(value('sampled_out_total')).toBe(7);
  expect(value('duplicates_total')).toBe(2);
  expect(value('parse_failures_total')).toBe(1);
  expect(value('dropped_total')).toBe(0);
  expect(value('recorded_total')).toBe(value('messages_total'));
  expect(value('queue_events')).toBe(0);
  expect(value('channels', { platform: 'twitch', state: 'joined' })).toBe(2);
  expect(value('channels', { platform: 'twitch', state: 'banned' })).toBe(1);
  expect(value('connections', { platform: 'twitch', state: 'connected' })).toBe(1);
  expect(value('uploads_total')).toBe(1);
  expect(value('upload_failures_total')).toBe(0);
  expect(value('oldest_not_uploaded_seconds')).toBe(0);
  expect(value('spool_sealed_files')).toBe(0);
  expect(value('spool_open_files')).toBeGreaterThanOrEqual(1);
  expect(value('spool_open_bytes')).toBeGreaterThan(5_000);
  expect(value('component_up', { component: 'twitch' })).toBe(1);
  expect(value('healthy')).toBe(1);
  expect(value('receive_lag_seconds', ann)).toBeLessThan(60);
  expect(value('resident_memory_bytes')).toBeGreaterThan(20e6);
  expect(value('event_loop_delay_p99_seconds')).toBeGreaterThanOrEqual(0);
  // Each metric is described once, and each sample belongs to a described one.
  const described = [...text.matchAll(/^# TYPE (\S+) (counter|gauge)$/gm)].map(([, name]) => name!);
  expect(new Set(described).size).toBe(described.length);
  expect(new Set(metrics.map(({ name }) => name)).difference(new Set(described))).toEqual(new Set());
  for (const name of described) expect(text).toContain(`# HELP ${name} `);

  const { status, body } = await health(chatlog);
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: 'ok', components: { recorder: { ok: true }, upload: { ok: true } } });
  await chatlog.stop();
});

test.concurrent('outages show in health and metrics, and readiness is about recording and uploading alone', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  expect((await health(chatlog, '/live')).status).toBe(200);
  expect((await health(chatlog, '/ready')).status).toBe(200);
  await server.refuse();
  server.dropAll();
  await chatlog.until('the platform is down', async () => (await health(chatlog)).status === 503);
  const sinceMs = performance.now();
  const down = await health(chatlog);
  expect(down.body).toMatchObject({
    status: 'degraded',
    components: { twitch: { ok: false }, recorder: { ok: true } },
  });
  expect((await health(chatlog, '/ready')).status).toBe(200);
  const metrics = await chatlog.metrics();
  expect(metricValue(metrics, 'chatlog_healthy')).toBe(0);
  expect(metricValue(metrics, 'chatlog_component_up', { component: 'twitch' })).toBe(0);
  expect(metricValue(metrics, 'chatlog_connections', { state: 'connected' }) ?? 0).toBe(0);
  await chatlog.until('an outage worth a line', () => performance.now() - sinceMs > 1_200);
  await server.accept();
  await joined(chatlog, 'ann');
  await gapsWritten(chatlog, 1);
  await chatlog.until('the gap is counted', async () => {
    const samples = await chatlog.metrics();
    return (
      metricValue(samples, 'chatlog_gaps_total')! >= 1 &&
      metricValue(samples, 'chatlog_messages_total', { channel: 'ann', type: 'gap' })! >= 1 &&
      metricValue(samples, 'chatlog_healthy') === 1
    );
  });
  await chatlog.stop();
});

test.concurrent('segments that cannot be uploaded: their age grows and the alarm is raised', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  const s3 = {
    bucket: 'nowhere',
    endpoint: `http://127.0.0.1:${await freePort()}`,
    access_key_id: 'key',
    secret_access_key: 'secret-of-nowhere',
  };
  const upload = { backoff: { min_seconds: 0.05, max_seconds: 0.3 }, alarm_after_minutes: 0.03 };
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    config: { s3, upload },
  });
  await joined(chatlog, 'ann');
  const sinceMs = Date.now();
  server.sayTo('ann', chatLine('ann', 'of another hour', sinceMs - 10 * HOUR_MS));
  await chatlog.until('the alarm is raised', async () => (await health(chatlog, '/ready')).status === 503);
  await chatlog.until('it says why', async () =>
    /1 files? waiting.*ECONNREFUSED/.test((await health(chatlog)).body.components.upload!.detail),
  );
  const { body } = await health(chatlog);
  expect(body.components.upload!.ok).toBe(false);
  expect(body.components.recorder!.ok).toBe(true);
  const samples = await chatlog.metrics();
  expect(metricValue(samples, 'chatlog_oldest_not_uploaded_seconds')).toBeGreaterThanOrEqual(2);
  expect(metricValue(samples, 'chatlog_oldest_not_uploaded_seconds')).toBeLessThanOrEqual(
    Math.ceil((Date.now() - sinceMs) / 1000) + 1,
  );
  expect(metricValue(samples, 'chatlog_spool_sealed_files')).toBe(1);
  expect(metricValue(samples, 'chatlog_upload_failures_total')).toBeGreaterThan(0);
  expect(metricValue(samples, 'chatlog_component_up', { component: 'upload' })).toBe(0);
  await chatlog.stop();
});

test.concurrent('a port that is taken is reported and stops no recording; other methods and paths are refused', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using first = await runOnTwitch(server, { directory: directory.join('first'), channels: ['ann'] });
  const url = await first.url();
  const port = Number(new URL(url).port);
  await using second = await runOnTwitch(server, {
    directory: directory.join('second'),
    channels: ['ann'],
    config: { http: { port } },
  });
  await second.until('it says so', () => second.log().some(({ msg }) => msg.includes('cannot listen')));
  await second.until('it records all the same', () => server.joined('ann') === 2);
  expect(await second.stop()).toEqual({ code: 0, signal: null });
  expect((await fetch(`${url}/health`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${url}/nothing/here`)).status).toBe(404);
  expect((await fetch(`${url}/health/live`, { method: 'HEAD' })).status).toBe(200);
});

test.concurrent('without platforms and without HTTP it waits for a configuration that names some', async () => {
  await using directory = await tempDir();
  await using chatlog = await runChatlog({
    directory: directory.path,
    config: { http: { enabled: false } },
  });
  await chatlog.until('it runs', () => chatlog.log().some(({ msg }) => msg.includes('records into')));
  expect(chatlog.output).not.toContain('listening');
  expect(await chatlog.stop('SIGINT')).toEqual({ code: 0, signal: null });
});
