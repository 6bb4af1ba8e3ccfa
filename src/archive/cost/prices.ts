/**
 * What storage costs, in US dollars: list prices of the named region, without free tiers, discounts and taxes. Taken by hand
 * from the providers' pages; prices change, so that whoever is about to decide looks them up.
 *
 *     AWS S3         https://aws.amazon.com/s3/pricing/ (US East, N. Virginia)
 *     Cloudflare R2  https://developers.cloudflare.com/r2/pricing/
 *     Tigris         https://www.tigrisdata.com/pricing/
 *     Backblaze B2   https://www.backblaze.com/cloud-storage/pricing
 */
import type { Provider } from '../../storage/provider-profile.ts';

/** When the table was last gone through: year and month. */
export const PRICES_AS_OF = '2025-06';

export interface StoragePrice {
  name: string;
  provider: Provider;
  /** Whether new objects go there unless the storage is told otherwise. */
  isDefault: boolean;
  /** Bytes that a "GB" of the price list has. */
  gbBytes: number;
  /** For a month. */
  perGb: number;
  /** Put, copy, post, list. */
  perThousandPuts: number;
  /** Get, head. */
  perThousandGets: number;
  /** Taken out of the class, in addition to egress. */
  retrievalPerGb: number;
  /** To the internet. */
  egressPerGb: number;
  /** Each object is billed as if it had at least so many bytes... */
  objectBytesMin: number;
  /** ...and as if it lay there for at least so many days. */
  daysMin: number;
}

const GIB = 1024 ** 3;
const GB = 1000 ** 3;
const AWS = { provider: 'aws', gbBytes: GIB, egressPerGb: 0.09 } as const;
const WITHOUT_MINIMUM = { retrievalPerGb: 0, objectBytesMin: 0, daysMin: 0, isDefault: true } as const;
const INFREQUENT = { objectBytesMin: 128 * 1024, isDefault: false } as const;

export const PRICES: readonly StoragePrice[] = [
  {
    ...{ ...AWS, ...WITHOUT_MINIMUM, name: 'AWS S3 Standard' },
    ...{ perGb: 0.023, perThousandPuts: 0.005, perThousandGets: 0.0004 },
  },
  {
    ...{ ...AWS, ...INFREQUENT, name: 'AWS S3 Standard-IA', daysMin: 30 },
    ...{ perGb: 0.0125, perThousandPuts: 0.01, perThousandGets: 0.001, retrievalPerGb: 0.01 },
  },
  {
    ...{ ...AWS, ...INFREQUENT, name: 'AWS S3 Glacier Instant Retrieval', daysMin: 90 },
    ...{ perGb: 0.004, perThousandPuts: 0.02, perThousandGets: 0.01, retrievalPerGb: 0.03 },
  },
  {
    ...{ ...WITHOUT_MINIMUM, name: 'Cloudflare R2', provider: 'r2', gbBytes: GB },
    ...{ perGb: 0.015, perThousandPuts: 0.0045, perThousandGets: 0.00036, egressPerGb: 0 },
  },
  {
    ...{ ...WITHOUT_MINIMUM, name: 'Tigris', provider: 'tigris', gbBytes: GB },
    ...{ perGb: 0.02, perThousandPuts: 0.005, perThousandGets: 0.0005, egressPerGb: 0 },
  },
  {
    // Puts are free; lists are not, and chatlog lists little. Egress is free up to three times what is stored.
    ...{ ...WITHOUT_MINIMUM, name: 'Backblaze B2', provider: 'b2', gbBytes: GB },
    ...{ perGb: 0.006, perThousandPuts: 0, perThousandGets: 0.0004, egressPerGb: 0 },
  },
];
