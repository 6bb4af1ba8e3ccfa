/** What `GET /status` answers: the whole state of a running instance in one document. Times are RFC 3339 UTC. */
export interface StatusReport {
  version: string;
  /** `instance` of the configuration; '' where none is configured. */
  instance: string;
  startedAt: string;
  uptimeSeconds: number;
  /** Every component is ok. */
  healthy: boolean;
  components: Record<string, ComponentStatus>;
  channels: ChannelReport[];
  connections: ConnectionReport[];
  spool: SpoolReport;
  upload: UploadReport;
  recorder: RecorderReport;
  live: LiveReport;
  /** Null where this process keeps no index, as the next. */
  index: IndexReport | null;
  retention: RetentionReport | null;
}

export interface IndexReport {
  /** `PostgreSQL at ...`, `PGlite in ...`. */
  database: string;
  /** `starting`, `following`, `catching_up`, or `waiting` for its database. */
  state: string;
  /** How far it is behind what is recorded; null before it first caught up. */
  lagSeconds: number | null;
  /** Since the start. */
  lines: number;
  inserted: number;
  /** Lines that are none of the record format. */
  rejected: number;
  /** Local files that wait to be indexed, and those that cannot be. */
  waitingFiles: number;
  refusedFiles: number;
  /** When the storage was last looked through; null before the first time. */
  scannedAt: string | null;
  /** Objects that cannot be indexed. */
  failedObjects: number;
  lastError: string | null;
}

export interface RetentionReport {
  running: boolean;
  /** When the last maintenance came to its end; null before the first. */
  lastRunAt: string | null;
  nextRunAt: string | null;
  /** Days of channels whose rows are due and wait, and of them those that wait for longer than a day. */
  waitingDays: number;
  overdueDays: number;
  /** Runs of pipelines that wait for `chatlog maintain --retry`. */
  deadLetters: number;
  lastError: string | null;
}

export interface ComponentStatus {
  ok: boolean;
  /** One sentence for people. */
  detail: string;
}

export interface ChannelReport {
  platform: string;
  channel: string;
  /** As `ChannelState` of the connectors. */
  state: string;
  /** Why it is not joined, and what to do. */
  reason?: string;
  /** Since when it is in this state. */
  since: string;
  messagesPerMinute: number;
  lastMessageAt: string | null;
  /** Lines recorded since the start. */
  lines: number;
}

export interface ConnectionReport {
  platform: string;
  id: string;
  /** As `ConnectionState` of the connectors. */
  state: string;
  reason?: string;
  channels: number;
  lastHeardAt: string | null;
}

export interface SpoolReport {
  openFiles: number;
  openBytes: number;
  sealedFiles: number;
  sealedBytes: number;
  uploadedFiles: number;
  quarantinedFiles: number;
  /** Free on the file system of the spool. */
  freeBytes: number;
}

export interface UploadReport {
  /** Name of the object store. */
  store: string;
  /** Since when the file that has waited longest is sealed and not in storage. */
  oldestNotUploadedAt: string | null;
  oldestNotUploadedAgeSeconds: number;
  inFlight: number;
  lastError: string | null;
  /** Files verified since the start. */
  uploaded: number;
  failedAttempts: number;
}

export interface RecorderReport {
  recorded: number;
  duplicates: number;
  sampledOut: number;
  /** Events of and about people and channels that opted out or were forgotten. */
  withheld: number;
  dropped: number;
  gaps: number;
  parseFailures: number;
  /** Events between the connectors and the disk. */
  queued: number;
  queuedBytes: number;
  /** How long the last commit (append and fdatasync) took. */
  lastCommitMs: number;
}

/** The live feed: lines since the start. */
export interface LiveReport {
  clients: number;
  delivered: number;
  /** Which clients that were too slow did not get. */
  dropped: number;
}

/** What `<data_dir>/state/run.json` holds while an instance runs: how the command line finds it. */
export interface RunFile {
  pid: number;
  /** `http://127.0.0.1:8080`; null while the HTTP server does not listen, or is switched off. */
  url: string | null;
  startedAt: string;
  version: string;
  /** Lets the commands of whoever may read this file in as admin; new at each start. */
  localToken?: string;
}
