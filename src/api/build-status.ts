/** From what each stage knows of itself to one report: what is healthy is decided here and nowhere else. */
import type { ChannelState, ConnectorStatus } from '../connectors/connector.ts';
import { type IndexStatus, indexHealth, lagSeconds } from '../index/index-status.ts';
import { type RetentionStatus, retentionHealth } from '../index/retention/retention-health.ts';
import type { ChannelRecord } from '../recording/channel-record.ts';
import type { RecorderStatus } from '../recording/recorder.ts';
import type { UploaderStatus } from '../uploading/uploader.ts';
import type { HealthReport } from './http-server.ts';
import type { IndexReport, RetentionReport, StatusReport } from './status.ts';

type ComponentHealth = StatusReport['components'][string];

/** Everything the report is made of, asked anew for each. */
export interface StatusSources {
  version: string;
  instance: string;
  startedAtMs: number;
  now(): number;
  recorder(): RecorderStatus;
  records(): Iterable<ChannelRecord>;
  uploader(): UploaderStatus;
  connectors(): ConnectorStatus[];
  queue(): { events: number; bytes: number; duplicates: number; full: boolean };
  gaps(): number;
  live(): StatusReport['live'];
  parseFailures(): number;
  /** Undefined where there is no index. */
  index(): IndexStatus | undefined;
  /** Undefined where nothing is maintained here. */
  retention(): RetentionStatus | undefined;
  /** What is wrong with the configuration file as it stands; undefined where it is in effect. */
  configProblem(): string | undefined;
  /** Takes secrets out of what other servers said: some repeat what they were told. */
  redact(text: string): string;
  /** The age of the oldest segment not uploaded that raises the alarm. */
  uploadAlarmMs: number;
}

/** A recorder whose last commit is older than this does not record. */
const COMMIT_AGE_MAX_MS = 30_000;

export function buildStatus(sources: StatusSources): StatusReport {
  const nowMs = sources.now();
  const recorder = sources.recorder();
  const uploader = uploaderWithoutSecrets(sources.uploader(), sources.redact);
  const connectors = sources.connectors().map((status) => withoutSecrets(status, sources.redact));
  const queue = sources.queue();
  const index = sources.index();
  const retention = sources.retention();
  const components: Record<string, ComponentHealth> = {
    recorder: recorderHealth(recorder, queue),
    upload: uploadHealth(uploader, nowMs, sources.uploadAlarmMs),
    ...Object.fromEntries(connectors.map((status) => [status.platform, connectorHealth(status)])),
    ...(index && { index: redacted(indexHealth(index, nowMs), sources.redact) }),
    ...(retention && { retention: redacted(retentionHealth(retention, nowMs), sources.redact) }),
    config: configHealth(sources.configProblem()),
  };
  const oldestMs = uploader.oldestNotUploadedMs;
  return {
    version: sources.version,
    instance: sources.instance,
    startedAt: iso(sources.startedAtMs),
    uptimeSeconds: Math.max(0, Math.round((nowMs - sources.startedAtMs) / 1000)),
    healthy: Object.values(components).every(({ ok }) => ok),
    components,
    channels: channelRows(connectors, sources.records(), nowMs),
    connections: connectors.flatMap(({ platform, connections }) =>
      connections.map(({ id, state, reason, channels, lastHeardMs }) => ({
        platform,
        id,
        state,
        reason,
        channels,
        lastHeardAt: lastHeardMs > 0 ? iso(lastHeardMs) : null,
      })),
    ),
    spool: {
      openFiles: recorder.openFiles,
      openBytes: recorder.openBytes,
      sealedFiles: uploader.sealedFiles,
      sealedBytes: uploader.sealedBytes,
      uploadedFiles: uploader.uploadedFiles,
      quarantinedFiles: uploader.quarantinedFiles,
      freeBytes: Number.isFinite(recorder.freeBytes) ? recorder.freeBytes : 0,
    },
    upload: {
      store: uploader.store,
      oldestNotUploadedAt: oldestMs === undefined ? null : iso(oldestMs),
      oldestNotUploadedAgeSeconds:
        oldestMs === undefined ? 0 : Math.max(0, Math.round((nowMs - oldestMs) / 1000)),
      inFlight: uploader.inFlight,
      lastError: uploader.lastError ?? null,
      uploaded: uploader.uploaded,
      failedAttempts: uploader.failedAttempts,
    },
    recorder: {
      recorded: recorder.recorded,
      duplicates: queue.duplicates,
      sampledOut: recorder.sampledOut,
      withheld: recorder.withheld,
      dropped: recorder.dropped,
      gaps: sources.gaps(),
      parseFailures: sources.parseFailures(),
      queued: queue.events,
      queuedBytes: queue.bytes,
      lastCommitMs: Math.round(recorder.lastCommitMs * 100) / 100,
    },
    live: sources.live(),
    index: index ? indexReport(index, nowMs, sources.redact) : null,
    retention: retention ? retentionReport(retention, sources.redact) : null,
  };
}

/** The part of the report that `/health` shows. */
export function healthOf(report: StatusReport): HealthReport {
  const { version, uptimeSeconds, healthy, components } = report;
  return {
    version,
    uptimeSeconds,
    healthy,
    components,
    ready: components.recorder!.ok && components.upload!.ok,
  };
}

function indexReport(status: IndexStatus, nowMs: number, redact: Redact): IndexReport {
  const { database, state, lines, inserted, rejected, waitingFiles, refusedFiles, archive, trouble } = status;
  const error = trouble?.error ?? archive.error;
  return {
    ...{ database, state, lines, inserted, rejected, waitingFiles, refusedFiles },
    lagSeconds: lagSeconds(status, nowMs) ?? null,
    scannedAt: archive.scannedMs === undefined ? null : iso(archive.scannedMs),
    failedObjects: archive.failed,
    lastError: error === undefined ? null : redact(error),
  };
}

function retentionReport(
  { running, last, nextMs, trouble }: RetentionStatus,
  redact: Redact,
): RetentionReport {
  return {
    running,
    lastRunAt: last?.finishedAt ?? null,
    nextRunAt: nextMs === undefined ? null : iso(nextMs),
    waitingDays: last?.waiting ?? 0,
    overdueDays: last?.overdue ?? 0,
    deadLetters: last?.dead ?? 0,
    lastError: trouble === undefined ? null : redact(trouble.error),
  };
}

function recorderHealth(recorder: RecorderStatus, queue: { events: number; full: boolean }): ComponentHealth {
  if (recorder.diskTrouble !== undefined) {
    return {
      ok: false,
      detail: `the disk takes no lines: ${recorder.diskTrouble}; ${queue.events} events wait in memory`,
    };
  }
  if (recorder.sinceCommitMs > COMMIT_AGE_MAX_MS) {
    return { ok: false, detail: `no commit for ${Math.round(recorder.sinceCommitMs / 1000)} s` };
  }
  if (queue.full) return { ok: true, detail: `the buffer is full (${queue.events} events): sockets wait` };
  return { ok: true, detail: `${recorder.recorded} lines recorded, ${queue.events} waiting` };
}

function uploadHealth(uploader: UploaderStatus, nowMs: number, alarmMs: number): ComponentHealth {
  if (uploader.stalled) return { ok: false, detail: 'an upload hangs and does not end' };
  const waiting = `${uploader.sealedFiles} ${uploader.sealedFiles === 1 ? 'file' : 'files'} waiting`;
  const ageMs = uploader.oldestNotUploadedMs === undefined ? 0 : nowMs - uploader.oldestNotUploadedMs;
  const cause = uploader.lastError === undefined ? '' : `; last error: ${uploader.lastError}`;
  if (ageMs > alarmMs) {
    return { ok: false, detail: `${waiting}, the oldest for ${Math.round(ageMs / 60_000)} min${cause}` };
  }
  return { ok: true, detail: `${waiting}, ${uploader.uploaded} uploaded to ${uploader.store}${cause}` };
}

/** States that no retry mends: they are the channel's, not the connector's. */
const REFUSED: ReadonlySet<ChannelState> = new Set(['banned', 'suspended', 'not_found']);

function connectorHealth({ channels, connections }: ConnectorStatus): ComponentHealth {
  const joined = channels.filter(({ state }) => state === 'joined').length;
  const refused = channels.filter(({ state }) => REFUSED.has(state)).length;
  const down = connections.find(({ state }) => state !== 'connected');
  const detail = [`${joined} of ${channels.length} channels joined`];
  if (refused > 0) detail.push(`${refused} refused`);
  if (down?.reason) detail.push(`connection ${down.id}: ${down.reason}`);
  const hasWork = channels.length > refused;
  return { ok: !hasWork || joined > 0, detail: detail.join('; ') };
}

function configHealth(problem: string | undefined): ComponentHealth {
  if (problem === undefined) return { ok: true, detail: 'in effect' };
  return {
    ok: false,
    detail: `the file was changed and is wrong; the older configuration stays: ${problem}`,
  };
}

function channelRows(
  connectors: ConnectorStatus[],
  records: Iterable<ChannelRecord>,
  nowMs: number,
): StatusReport['channels'] {
  const byName = new Map<string, ChannelRecord>();
  for (const record of records) byName.set(`${record.platform}/${record.channel}`, record);
  return connectors.flatMap(({ platform, channels }) =>
    channels.map(({ channel, state, reason, sinceMs }) => {
      const record = byName.get(`${platform}/${channel}`);
      return {
        platform,
        channel,
        state,
        reason,
        since: iso(sinceMs),
        messagesPerMinute: record?.linesPerMinute(nowMs) ?? 0,
        lastMessageAt: record && record.lastLineAtMs > 0 ? iso(record.lastLineAtMs) : null,
        lines: record?.lines ?? 0,
      };
    }),
  );
}

type Redact = (text: string) => string;

function withoutSecrets(
  { platform, channels, connections }: ConnectorStatus,
  redact: Redact,
): ConnectorStatus {
  const clean = <T extends { reason?: string }>(row: T): T =>
    row.reason === undefined ? row : { ...row, reason: redact(row.reason) };
  return { platform, channels: channels.map(clean), connections: connections.map(clean) };
}

function redacted({ ok, detail }: ComponentHealth, redact: Redact): ComponentHealth {
  return { ok, detail: redact(detail) };
}

function uploaderWithoutSecrets(status: UploaderStatus, redact: Redact): UploaderStatus {
  const { lastError } = status;
  return lastError === undefined ? status : { ...status, lastError: redact(lastError) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
