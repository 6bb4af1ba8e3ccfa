/** A recorder's own account of itself, put together of what each of its parts knows. */
import type { EventChannel } from '../channel/event-channel.ts';
import type { LiveFeed } from '../channel/live-feed.ts';
import type { LiveConfig } from '../config/live-config.ts';
import type { Connector } from '../connectors/connector.ts';
import type { IndexStatus } from '../index/index-status.ts';
import type { RetentionStatus } from '../index/retention/retention-health.ts';
import type { CoverageLog } from '../recording/coverage-log.ts';
import type { Recorder } from '../recording/recorder.ts';
import type { Uploader } from '../uploading/uploader.ts';
import { buildStatus, type StatusSources } from './build-status.ts';
import type { StatusReport } from './status.ts';

export interface RecorderParts {
  version: string;
  live: LiveConfig;
  recorder: Recorder;
  uploader: Uploader;
  connectors: readonly Connector[];
  channel: EventChannel;
  coverage: CoverageLog;
  parseFailures: () => number;
  feed: LiveFeed;
  /** Undefined where there is no index. */
  index: { status(): IndexStatus } | undefined;
  retention: { status(): RetentionStatus } | undefined;
  now: () => number;
}

/** What gives the report, anew at each call. The uptime counts from here. */
export function recorderStatus(parts: RecorderParts): () => StatusReport {
  const { version, live, recorder, uploader, connectors, channel, coverage, now } = parts;
  // Both need a restart to change.
  const { instance, upload } = live.config;
  const sources: StatusSources = {
    version,
    instance,
    startedAtMs: now(),
    now,
    recorder: () => recorder.status(),
    records: () => recorder.channels,
    uploader: () => uploader.status(),
    connectors: () => connectors.map((connector) => connector.status()),
    queue: () => ({ ...channel.held, duplicates: channel.duplicates, full: channel.full }),
    gaps: () => coverage.gaps,
    live: () => parts.feed.status(),
    parseFailures: parts.parseFailures,
    index: () => parts.index?.status(),
    retention: () => parts.retention?.status(),
    configProblem: () => live.problem,
    redact: (text) => live.redact(text),
    uploadAlarmMs: upload.alarm_after_minutes * 60_000,
  };
  return () => buildStatus(sources);
}
