/** All formats that can be imported; each recognises its own, in any order. */
import { ChatlogError } from '../../lib/errors.ts';
import { chatlog } from './formats/chatlog.ts';
import { chatterino } from './formats/chatterino.ts';
import { chatty } from './formats/chatty.ts';
import { cytube } from './formats/cytube.ts';
import { discordchatexporter } from './formats/discordchatexporter.ts';
import { ircRaw } from './formats/irc-raw.ts';
import { irssi } from './formats/irssi.ts';
import { overrustle } from './formats/overrustle.ts';
import { thelounge } from './formats/thelounge.ts';
import { theloungeText } from './formats/thelounge-text.ts';
import { twitchdownloader } from './formats/twitchdownloader.ts';
import { weechat } from './formats/weechat.ts';
import { znc } from './formats/znc.ts';
import type { ImportFormat, SourceInfo } from './import-format.ts';

export const FORMATS: readonly ImportFormat[] = [
  chatlog,
  ircRaw,
  twitchdownloader,
  chatterino,
  chatty,
  discordchatexporter,
  irssi,
  weechat,
  znc,
  thelounge,
  theloungeText,
  overrustle,
  cytube,
];

export interface DetectedFormat {
  format: ImportFormat;
  /** As the end of a sentence: `has a line "# Log started:"`. */
  why: string;
}

/** Throws `import_format_unknown` where it is none of them, `import_format_ambiguous` where it could be several. */
export function detectFormat(info: SourceInfo, named?: ImportFormat): DetectedFormat {
  if (named) return { format: named, why: 'as --format says' };
  const found = FORMATS.flatMap((format) => {
    const why = format.detect(info);
    return why === undefined ? [] : [{ format, why }];
  });
  if (found.length === 1) return found[0]!;
  const hint = `Add --format, one of: ${FORMATS.map(({ name }) => name).join(', ')}.`;
  if (found.length === 0)
    throw new ChatlogError('import_format_unknown', 'is of no format that is known', { hint });
  const names = found.map(({ format }) => format.name).join(' or ');
  throw new ChatlogError('import_format_ambiguous', `could be ${names}`, { hint });
}
