/**
 * Prometheus metrics. Every figure is read from the stages when it is asked for, so that no second count can drift
 * from what they know.
 */
import type { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from 'prom-client';
import type { ChannelRecord } from '../recording/channel-record.ts';
import type { StatusReport } from './status.ts';

export interface MetricsSources {
  status(): StatusReport;
  records(): Iterable<ChannelRecord>;
  /** It measures; each scrape resets it. */
  eventLoopDelay: ReturnType<typeof monitorEventLoopDelay>;
}

/** The text exposition, at each call. */
export type Scrape = () => Promise<{ contentType: string; text: string }>;

export function createMetrics(sources: MetricsSources): Scrape {
  const registry = new Registry();
  const { eventLoopDelay: delay } = sources;
  let status = sources.status();

  const gauge = (name: string, help: string, value: (status: StatusReport) => number) => {
    new Gauge({
      name: `chatlog_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(status));
      },
    });
  };
  const counter = (name: string, help: string, value: (status: StatusReport) => number) => {
    new Counter({
      name: `chatlog_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(value(status));
      },
    });
  };

  new Counter({
    name: 'chatlog_messages_total',
    help: 'Lines taken for recording, by platform, channel and type.',
    labelNames: ['platform', 'channel', 'type'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { platform, channel, counts } of sources.records()) {
        for (const [type, count] of counts) this.inc({ platform, channel, type }, count);
      }
    },
  });
  counter('recorded_total', 'Lines whose fdatasync returned.', ({ recorder }) => recorder.recorded);
  counter(
    'duplicates_total',
    'Events that had been recorded already.',
    ({ recorder }) => recorder.duplicates,
  );
  counter('sampled_out_total', 'Messages left out by sampling.', ({ recorder }) => recorder.sampledOut);
  counter(
    'withheld_total',
    'Events of and about people and channels that opted out or were forgotten, which are not recorded.',
    ({ recorder }) => recorder.withheld,
  );
  counter(
    'dropped_total',
    'Events shed because the disk was nearly full.',
    ({ recorder }) => recorder.dropped,
  );
  counter('gaps_total', 'Gap lines written.', ({ recorder }) => recorder.gaps);
  counter(
    'parse_failures_total',
    'Lines that were kept as raw because they could not be understood.',
    ({ recorder }) => recorder.parseFailures,
  );
  gauge('live_clients', 'Who looks on at the live feed.', ({ live }) => live.clients);
  counter('live_lines_total', 'Lines given to them.', ({ live }) => live.delivered);
  counter(
    'live_dropped_lines_total',
    'Lines that clients of the live feed were too slow for.',
    ({ live }) => live.dropped,
  );
  gauge('queue_events', 'Events received and not recorded yet.', ({ recorder }) => recorder.queued);
  gauge('queue_bytes', 'About their size.', ({ recorder }) => recorder.queuedBytes);
  gauge(
    'commit_duration_seconds',
    'How long the last commit took.',
    ({ recorder }) => recorder.lastCommitMs / 1000,
  );
  gauge('spool_open_files', 'Segments being written.', ({ spool }) => spool.openFiles);
  gauge('spool_open_bytes', 'Their size.', ({ spool }) => spool.openBytes);
  gauge('spool_sealed_files', 'Segments waiting for upload.', ({ spool }) => spool.sealedFiles);
  gauge('spool_sealed_bytes', 'Their size.', ({ spool }) => spool.sealedBytes);
  gauge(
    'spool_uploaded_files',
    'Verified segments still on the local disk.',
    ({ spool }) => spool.uploadedFiles,
  );
  gauge(
    'spool_quarantined_files',
    'Files set aside for a person to look at.',
    ({ spool }) => spool.quarantinedFiles,
  );
  gauge('disk_free_bytes', 'Free space of the data directory.', ({ spool }) => spool.freeBytes);
  counter('uploads_total', 'Segments uploaded and verified.', ({ upload }) => upload.uploaded);
  counter('upload_failures_total', 'Attempts to upload that failed.', ({ upload }) => upload.failedAttempts);
  gauge('upload_in_flight', 'Uploads under way.', ({ upload }) => upload.inFlight);
  gauge(
    'oldest_not_uploaded_seconds',
    'Age of the oldest segment not uploaded.',
    ({ upload }) => upload.oldestNotUploadedAgeSeconds,
  );
  gauge(
    'index_lag_seconds',
    'How far the index is behind what is recorded; -1 before it first caught up.',
    ({ index }) => (index ? (index.lagSeconds ?? -1) : 0),
  );
  counter('index_lines_total', 'Lines read for the index.', ({ index }) => index?.lines ?? 0);
  counter('index_rows_total', 'Rows that became of them.', ({ index }) => index?.inserted ?? 0);
  counter(
    'index_rejected_lines_total',
    'Lines that are none of the record format.',
    ({ index }) => index?.rejected ?? 0,
  );
  gauge(
    'index_waiting_files',
    'Local files that wait to be indexed.',
    ({ index }) => index?.waitingFiles ?? 0,
  );
  gauge('index_failed_segments', 'Files and objects that cannot be indexed.', ({ index }) =>
    index ? index.refusedFiles + index.failedObjects : 0,
  );
  gauge('retention_waiting_days', 'Days of channels whose rows are due and wait.', ({ retention }) =>
    retention ? retention.waitingDays : 0,
  );
  gauge('retention_overdue_days', 'Of them, those that wait for longer than a day.', ({ retention }) =>
    retention ? retention.overdueDays : 0,
  );
  gauge(
    'retention_dead_letters',
    'Runs of pipelines that wait for "chatlog maintain --retry".',
    ({ retention }) => (retention ? retention.deadLetters : 0),
  );
  gauge(
    'retention_last_run_timestamp_seconds',
    'When maintenance last came to its end; 0 = never.',
    ({ retention }) => (retention?.lastRunAt ? Date.parse(retention.lastRunAt) / 1000 : 0),
  );
  gauge('healthy', '1 when every component is.', ({ healthy }) => Number(healthy));
  gauge('uptime_seconds', 'Time since the start.', ({ uptimeSeconds }) => uptimeSeconds);
  gauge('event_loop_delay_p99_seconds', 'Since the last scrape.', () => delay.percentile(99) / 1e9);
  gauge('event_loop_delay_max_seconds', 'Since the last scrape.', () => delay.max / 1e9);
  gauge('resident_memory_bytes', 'Resident set size.', () => process.memoryUsage.rss());
  gauge('heap_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);

  new Gauge({
    name: 'chatlog_component_up',
    help: '1 when the component does its work.',
    labelNames: ['component'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [component, { ok }] of Object.entries(status.components))
        this.set({ component }, Number(ok));
    },
  });
  new Gauge({
    name: 'chatlog_channels',
    help: 'Channels by platform and state.',
    labelNames: ['platform', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { platform, state } of status.channels) this.inc({ platform, state });
    },
  });
  new Gauge({
    name: 'chatlog_connections',
    help: 'Connections by platform and state.',
    labelNames: ['platform', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { platform, state } of status.connections) this.inc({ platform, state });
    },
  });
  new Gauge({
    name: 'chatlog_last_line_timestamp_seconds',
    help: 'When the last line of a channel arrived: an alarm on what has been silent too long.',
    labelNames: ['platform', 'channel'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { platform, channel, lastLineAtMs } of sources.records()) {
        if (lastLineAtMs > 0) this.set({ platform, channel }, lastLineAtMs / 1000);
      }
    },
  });
  new Gauge({
    name: 'chatlog_receive_lag_seconds',
    help: "How much later than the platform's own time the last line of a channel arrived.",
    labelNames: ['platform', 'channel'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { platform, channel, lagMs } of sources.records()) {
        if (lagMs !== undefined) this.set({ platform, channel }, lagMs / 1000);
      }
    },
  });

  return async () => {
    status = sources.status();
    const text = await registry.metrics();
    delay.reset();
    return { contentType: registry.contentType, text };
  };
}
