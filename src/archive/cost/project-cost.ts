/** What an archive costs at a provider, as it is and as it grows. Pure. */
import type { StoragePrice } from './prices.ts';

export interface StoredAmount {
  objects: number;
  bytes: number;
  /** As classes bill that count each object as {@link SMALL_OBJECT_BYTES} at least. */
  billedBytes: number;
}

export interface Growth extends StoredAmount {
  /** Days that the rate was taken from; 0 where nothing was recorded of late. */
  days: number;
}

export interface ProjectedCost {
  name: string;
  /** US dollars. What lies there, for a month. */
  storagePerMonth: number;
  /** What uploading asks for in a month: a put and a head for each object. */
  requestsPerMonth: number;
  /** Storage and requests of the twelve months to come. */
  nextYear: number;
  /** Reading everything once, over the internet. */
  readOnce: number;
}

/** The smallest object of all classes that have a smallest. */
export const SMALL_OBJECT_BYTES = 128 * 1024;
const MONTHS = 12;

/** @param monthly what comes in a month */
export function projectCost(stored: StoredAmount, monthly: StoredAmount, price: StoragePrice): ProjectedCost {
  const gbOf = ({ bytes, billedBytes }: StoredAmount) =>
    (price.objectBytesMin > 0 ? billedBytes : bytes) / price.gbBytes;
  const storagePerMonth = gbOf(stored) * price.perGb;
  const requestsPerMonth = (monthly.objects / 1000) * (price.perThousandPuts + price.perThousandGets);
  // What comes in a month lies there for half of it on average.
  const grown = gbOf(monthly) * price.perGb * (MONTHS / 2) * MONTHS;
  const readOnce =
    (stored.bytes / price.gbBytes) * (price.egressPerGb + price.retrievalPerGb) +
    (stored.objects / 1000) * price.perThousandGets;
  return {
    name: price.name,
    storagePerMonth,
    requestsPerMonth,
    nextYear: MONTHS * (storagePerMonth + requestsPerMonth) + grown,
    readOnce,
  };
}
