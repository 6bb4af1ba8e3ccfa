/** What an S3 request failed with, in the project's terms: a code to branch on and a hint for people. */
import { ChatlogError, errorText } from '../lib/errors.ts';

export type S3ErrorCode =
  | 'access_denied'
  | 'bucket_missing'
  | 'object_missing'
  | 'clock_skew'
  | 'timeout'
  | 'unreachable'
  | 'tls_error'
  | 'throttled'
  | 'server_error'
  | 'storage_full'
  | 'wrong_region'
  | 'damaged_in_transit'
  | 'precondition_failed'
  | 'write_conflict'
  | 'not_implemented'
  | 'request_refused';

export interface S3Error extends ChatlogError {
  readonly code: S3ErrorCode;
}

const HINTS: Partial<Record<S3ErrorCode, string>> = {
  access_denied:
    'check s3.access_key_id and s3.secret_access_key, and that the key may read, write and list this bucket',
  bucket_missing: 'create the bucket, or correct s3.bucket, s3.region or s3.endpoint',
  clock_skew: "the machine's clock differs from the storage's by minutes: check its time synchronisation",
  timeout: 'the storage did not answer in time: check the network and s3.endpoint',
  unreachable: 'check the network, the DNS and s3.endpoint',
  tls_error: "the server's certificate is not trusted: check s3.endpoint and s3.tls_ca_file",
  throttled: 'the storage asks to slow down; lower upload.concurrency if this goes on',
  server_error: 'the storage is in trouble; nothing is lost, it will be tried again',
  storage_full: 'the quota of the storage is used up',
  wrong_region: 'correct s3.region',
  not_implemented: 'the storage does not offer what was asked; set s3.provider to what it is',
};

const BY_NAME: Record<string, S3ErrorCode> = {
  NoSuchBucket: 'bucket_missing',
  NoSuchKey: 'object_missing',
  RequestTimeTooSkewed: 'clock_skew',
  RequestExpired: 'clock_skew',
  RequestInTheFuture: 'clock_skew',
  RequestTimeout: 'timeout',
  TimeoutError: 'timeout',
  DeadlineError: 'timeout',
  SlowDown: 'throttled',
  TooManyRequests: 'throttled',
  QuotaExceeded: 'storage_full',
  AuthorizationHeaderMalformed: 'wrong_region',
  PermanentRedirect: 'wrong_region',
  BadDigest: 'damaged_in_transit',
  InvalidDigest: 'damaged_in_transit',
  XAmzContentSHA256Mismatch: 'damaged_in_transit',
  PreconditionFailed: 'precondition_failed',
  ConditionalRequestConflict: 'write_conflict',
  OperationAborted: 'write_conflict',
  NotImplemented: 'not_implemented',
  InvalidAccessKeyId: 'access_denied',
  CredentialsProviderError: 'access_denied',
};

const BY_STATUS: Record<number, S3ErrorCode> = {
  301: 'wrong_region',
  307: 'wrong_region',
  401: 'access_denied',
  403: 'access_denied',
  404: 'object_missing',
  408: 'timeout',
  409: 'write_conflict',
  412: 'precondition_failed',
  429: 'throttled',
  501: 'not_implemented',
  503: 'throttled',
  507: 'storage_full',
};

/** How far the clocks may differ before a refusal without a reason (HEAD has no body) is blamed on them. */
const SKEW_MAX_MS = 4 * 60_000;

/**
 * @param what what was tried, as `put 2026/11/21/...`
 * @param nowMs the time that requests were signed with
 */
export function toS3Error(thrown: unknown, what: string, storeName: string, nowMs: number): S3Error {
  const code = classify(thrown, nowMs);
  return new ChatlogError(code, `${what} in ${storeName} failed: ${describe(thrown)}`, {
    retryable: true,
    hint: HINTS[code],
    cause: thrown,
  }) as S3Error;
}

/** The reply never came or said nothing certain: the request may have been carried out. */
export function isAmbiguous(code: S3ErrorCode): boolean {
  return ['timeout', 'unreachable', 'server_error', 'throttled', 'object_missing'].includes(code);
}

interface Thrown {
  name?: string;
  code?: string;
  Code?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
}

function classify(thrown: unknown, nowMs: number): S3ErrorCode {
  const error = (thrown ?? {}) as Thrown;
  const status = error.$metadata?.httpStatusCode;
  if (status === 403 && isSkewed(error, nowMs)) return 'clock_skew';
  // The SDK calls a reset connection a timeout.
  if (/^(ECONNRESET|EPIPE)$/.test(error.code ?? '')) return 'unreachable';
  const named = BY_NAME[error.name ?? ''] ?? BY_NAME[error.Code ?? ''];
  if (named) return named;
  if (status !== undefined && status >= 300) {
    return BY_STATUS[status] ?? (status >= 500 ? 'server_error' : 'request_refused');
  }
  // A reply that broke off or could not be understood (2xx cut short) is as good as none.
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(error.code ?? '')) return 'tls_error';
  return 'unreachable';
}

function isSkewed(error: Thrown, nowMs: number): boolean {
  const serverMs = Date.parse(error.$response?.headers?.date ?? '');
  return Math.abs(serverMs - nowMs) > SKEW_MAX_MS;
}

function describe(thrown: unknown): string {
  const error = (thrown ?? {}) as Thrown;
  const status = error.$metadata?.httpStatusCode;
  const name = error.name && !['Error', 'Unknown', 'UnknownError'].includes(error.name) ? error.name : '';
  const text = errorText(thrown);
  const known = text === 'UnknownError' || text === 'Unknown' ? '' : text;
  const parts = [status === undefined ? '' : `HTTP ${status}`, name === known ? '' : name, known];
  return parts.filter((part) => part !== '').join(', ');
}
