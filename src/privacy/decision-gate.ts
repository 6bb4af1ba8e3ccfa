/** The {@link PrivacyGate} that decisions make. Answers for one user are remembered, in bounded number. */
import { type Decision, userDigest } from './decision.ts';
import type { PrivacyGate } from './privacy-gate.ts';

const REMEMBERED_MAX = 20_000;

interface Standing {
  optedOut: boolean;
  /** Of an opt-out or an opt-in, whichever came last. */
  optedAt: string;
  forgottenUntilMs: number | undefined;
}

export class DecisionGate implements PrivacyGate {
  /** By digest: of users, and of names of people who were forgotten or opted out. */
  readonly #users = new Map<string, Standing>();
  readonly #channels = new Map<string, { optedOut: boolean; optedAt: string }>();
  readonly #purged = new Set<string>();
  #remembered = new Map<string, Standing | undefined>();
  #isEmpty = true;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** In any order, and as often as one likes. */
  add(decision: Decision): void {
    this.#isEmpty = false;
    this.#remembered = new Map();
    const at = decision.id;
    switch (decision.kind) {
      case 'opt_out':
      case 'opt_in':
        for (const digest of [decision.user.hash, ...decision.user.names]) {
          const standing = this.#standing(digest);
          if (at < standing.optedAt) continue;
          standing.optedAt = at;
          standing.optedOut = decision.kind === 'opt_out';
        }
        return;
      case 'channel_opt_out':
      case 'channel_opt_in': {
        const name = pair(decision.platform, decision.channel);
        if (at < (this.#channels.get(name)?.optedAt ?? '')) return;
        this.#channels.set(name, { optedOut: decision.kind === 'channel_opt_out', optedAt: at });
        return;
      }
      case 'forget':
        for (const digest of [decision.user.hash, ...decision.user.names]) {
          const standing = this.#standing(digest);
          const untilMs = Date.parse(decision.timestamp);
          standing.forgottenUntilMs = Math.max(untilMs, standing.forgottenUntilMs ?? untilMs);
        }
        return;
      case 'purge_message':
        this.#purged.add(pair(decision.platform, decision.message.key));
        return;
      case 'delete_message':
    }
  }

  isUserOptedOut(platform: string, userKey: string): boolean {
    return this.#of(platform, userKey)?.optedOut ?? false;
  }

  isChannelOptedOut(platform: string, channel: string): boolean {
    return this.#channels.get(pair(platform, channel))?.optedOut ?? false;
  }

  forgottenUntilMs(platform: string, userKey: string): number | undefined {
    return this.#of(platform, userKey)?.forgottenUntilMs;
  }

  isMessagePurged(platform: string, key: string): boolean {
    return this.#purged.size > 0 && this.#purged.has(pair(platform, key));
  }

  #of(platform: string, userKey: string): Standing | undefined {
    if (this.#users.size === 0) return undefined;
    const name = pair(platform, userKey);
    if (this.#remembered.has(name)) return this.#remembered.get(name);
    const standing = this.#users.get(userDigest(platform, userKey));
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered = new Map();
    this.#remembered.set(name, standing);
    return standing;
  }

  #standing(digest: string): Standing {
    let standing = this.#users.get(digest);
    if (!standing) {
      standing = { optedOut: false, optedAt: '', forgottenUntilMs: undefined };
      this.#users.set(digest, standing);
    }
    return standing;
  }
}

function pair(platform: string, name: string): string {
  return `${platform}\0${name}`;
}
