/**
 * A real S3 server for tests, in one of three modes:
 *
 *     endpoint  TEST_S3_ENDPOINT with TEST_S3_ACCESS_KEY_ID, TEST_S3_SECRET_ACCESS_KEY, TEST_S3_REGION
 *     docker    a container, through testcontainers (image: CHATLOG_TEST_S3_IMAGE)
 *     rgw       Ceph RGW from Debian's packages (`rgw.ts`)
 *
 * `CHATLOG_TEST_S3` forces a mode, and then nothing falls back to another. Otherwise: endpoint where it is set, docker
 * where an engine answers, else rgw. `CHATLOG_TEST_S3_SHARED` (JSON, set by whoever started one for the whole run)
 * is taken before all of these.
 */
import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type Config, configSchema, type S3Config } from '../../src/config/schema.ts';
import { dockerAnswers } from './docker.ts';
import { startRgw } from './rgw.ts';

const MODES = ['endpoint', 'docker', 'rgw'] as const;
type Mode = (typeof MODES)[number];

const DOCKER_IMAGE = 'rustfs/rustfs:latest';

interface Account {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface TestS3 extends Account {
  mode: Mode | 'shared';
  /** Creates a bucket of its own for one test; its name. */
  createBucket(): Promise<string>;
  /** The `s3` section of a configuration, complete with defaults. */
  s3Config(bucket: string, overrides?: Partial<S3Config>): S3Config;
  stop(): Promise<void>;
}

export async function startS3(): Promise<TestS3> {
  const shared = process.env.CHATLOG_TEST_S3_SHARED;
  if (shared) return testS3('shared', JSON.parse(shared), async () => {});
  const mode = await chooseMode();
  if (mode === 'endpoint') return testS3(mode, accountFromEnvironment(), async () => {});
  if (mode === 'docker') return startContainer();
  const rgw = await startRgw();
  return testS3(mode, { ...rgw, region: 'us-east-1' }, async () => rgw.stop());
}

/** The value for `CHATLOG_TEST_S3_SHARED` that lets other processes use this server. */
export function shareS3(server: TestS3): string {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return JSON.stringify({ endpoint, region, accessKeyId, secretAccessKey });
}

async function chooseMode(): Promise<Mode> {
  const forced = process.env.CHATLOG_TEST_S3;
  if (forced) {
    const mode = MODES.find((name) => name === forced);
    if (!mode) throw new Error(`CHATLOG_TEST_S3 is "${forced}"; it may be ${MODES.join(', ')}`);
    return mode;
  }
  if (process.env.TEST_S3_ENDPOINT) return 'endpoint';
  return (await dockerAnswers()) ? 'docker' : 'rgw';
}

function accountFromEnvironment(): Account {
  const required = (name: string): string => {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set`);
    return value;
  };
  return {
    endpoint: required('TEST_S3_ENDPOINT'),
    region: process.env.TEST_S3_REGION ?? 'us-east-1',
    accessKeyId: required('TEST_S3_ACCESS_KEY_ID'),
    secretAccessKey: required('TEST_S3_SECRET_ACCESS_KEY'),
  };
}

async function startContainer(): Promise<TestS3> {
  if (!(await dockerAnswers()))
    throw new Error('CHATLOG_TEST_S3 is "docker", but no container engine answers');
  const { GenericContainer, Wait } = await import('testcontainers');
  const accessKeyId = 'chatlogtest';
  const secretAccessKey = randomBytes(16).toString('hex');
  const container = await new GenericContainer(process.env.CHATLOG_TEST_S3_IMAGE ?? DOCKER_IMAGE)
    .withEnvironment({ RUSTFS_ACCESS_KEY: accessKeyId, RUSTFS_SECRET_KEY: secretAccessKey })
    .withExposedPorts(9000)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(9000)}`;
  const account = { endpoint, region: 'us-east-1', accessKeyId, secretAccessKey };
  return testS3('docker', account, async () => {
    await container.stop();
  });
}

function testS3(mode: TestS3['mode'], account: Account, stop: () => Promise<void>): TestS3 {
  const { endpoint, region, accessKeyId, secretAccessKey } = account;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return {
    ...account,
    mode,
    createBucket: async () => {
      const bucket = `chatlog-test-${randomBytes(6).toString('hex')}`;
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      return bucket;
    },
    s3Config: (bucket, overrides = {}) => {
      const config: Config = configSchema.parse({
        s3: {
          bucket,
          region,
          endpoint,
          access_key_id: accessKeyId,
          secret_access_key: secretAccessKey,
          force_path_style: true,
          ...overrides,
        },
      });
      return config.s3!;
    },
    stop: async () => {
      client.destroy();
      await stop();
    },
  };
}
