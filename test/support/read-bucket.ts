/** Reading what Chatlog put into object storage, by a client of its own. */
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { parseSegment, type ReadFile } from './read-archive.ts';
import type { TestS3 } from './s3-server.ts';

/** `path` is the key. */
export interface StoredObject extends ReadFile {
  /** As it is stored. */
  readonly bytes: Buffer;
  /** User metadata, names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** All objects of a bucket (at most 1,000), by key. */
export async function readBucket(server: TestS3, bucket: string): Promise<StoredObject[]> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
  try {
    const { Contents = [], IsTruncated } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    if (IsTruncated) throw new Error(`${bucket} has more than ${Contents.length} objects`);
    const objects: StoredObject[] = [];
    for (const { Key } of Contents) {
      const reply = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const bytes = Buffer.from(await reply.Body!.transformToByteArray());
      objects.push({ ...parseSegment(Key!, bytes), bytes, metadata: reply.Metadata ?? {} });
    }
    return objects;
  } finally {
    client.destroy();
  }
}
