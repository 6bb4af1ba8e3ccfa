/**
 * How one network compares names and marks channels, as it says in ISUPPORT (005).
 * https://modern.ircdocs.horse/#rplisupport-005
 */
export interface IrcNames {
  /** Equal for two spellings of one name. */
  fold(name: string): string;
  isChannel(name: string): boolean;
  /** `@#channel` (a message to the operators of a channel) without its mark. */
  withoutStatus(target: string): string;
  /** Mode letters that give a user a rank in a channel, highest first, and the sign of each. */
  readonly ranks: readonly { mode: string; sign: string }[];
  /** Whether a channel mode takes a parameter. */
  modeTakesParameter(mode: string, isAdded: boolean): boolean;
}

const FOLDS: Record<string, (name: string) => string> = {
  ascii: (name) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
  'strict-rfc1459': (name) => name.replace(/[A-Z[\]\\]/g, (letter) => letterBelow(letter)),
  rfc1459: (name) => name.replace(/[A-Z[\]\\^]/g, (letter) => letterBelow(letter)),
  rfc7613: (name) => name.normalize('NFC').toLowerCase(),
};

/** `A` to `a`, and likewise `[` to `{`, `\` to `|`, `]` to `}`, `^` to `~`. */
function letterBelow(letter: string): string {
  return String.fromCharCode(letter.charCodeAt(0) + 32);
}

/** @param isupport tokens as irc-framework parses them; what is missing or strange counts as usual. */
export function ircNames(isupport: Readonly<Record<string, unknown>>): IrcNames {
  const mapping = typeof isupport.CASEMAPPING === 'string' ? isupport.CASEMAPPING : 'rfc1459';
  const fold = FOLDS[mapping] ?? FOLDS.rfc1459!;
  const channelTypes = letters(isupport.CHANTYPES, '#&');
  const statuses = letters(isupport.STATUSMSG, '');
  const ranks = ranksOf(isupport.PREFIX);
  const [lists, always, whenSet] = modeGroups(isupport.CHANMODES);
  return {
    fold,
    isChannel: (name) => name.length > 1 && channelTypes.includes(name[0]!),
    withoutStatus: (target) =>
      target.length > 2 && statuses.includes(target[0]!) && channelTypes.includes(target[1]!)
        ? target.slice(1)
        : target,
    ranks,
    modeTakesParameter: (mode, isAdded) =>
      lists.includes(mode) ||
      always.includes(mode) ||
      ranks.some((rank) => rank.mode === mode) ||
      (isAdded && whenSet.includes(mode)),
  };
}

function letters(token: unknown, usual: string): string {
  if (Array.isArray(token)) return token.join('');
  return typeof token === 'string' ? token : usual;
}

function ranksOf(token: unknown): { mode: string; sign: string }[] {
  const usual = [
    { mode: 'o', sign: '@' },
    { mode: 'v', sign: '+' },
  ];
  if (!Array.isArray(token)) return usual;
  return token.flatMap((rank: { mode?: unknown; symbol?: unknown }) =>
    typeof rank?.mode === 'string' && typeof rank.symbol === 'string'
      ? [{ mode: rank.mode, sign: rank.symbol }]
      : [],
  );
}

/** Lists (`+b`), settings that always take a parameter, settings that take one only when set. */
function modeGroups(token: unknown): [string, string, string] {
  const groups = Array.isArray(token) ? token.map(String) : [];
  return [groups[0] ?? 'beI', groups[1] ?? 'k', groups[2] ?? 'l'];
}

export interface ModeChange {
  mode: string;
  isAdded: boolean;
  parameter: string | undefined;
}

/** @param params of a MODE line, without its target. */
export function modeChanges(params: readonly string[], names: IrcNames): ModeChange[] {
  const changes: ModeChange[] = [];
  let isAdded = true;
  let next = 1;
  for (const mode of params[0] ?? '') {
    if (mode === '+' || mode === '-') {
      isAdded = mode === '+';
      continue;
    }
    const parameter = names.modeTakesParameter(mode, isAdded) ? params[next++] : undefined;
    changes.push({ mode, isAdded, parameter });
  }
  return changes;
}
