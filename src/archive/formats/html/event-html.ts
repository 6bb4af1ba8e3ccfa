/** One line of a transcript. Everything that people wrote is escaped. */
import { type ChatEvent, eventType } from '../../../event.ts';
import { eventSentence } from '../sentence.ts';
import { textParts } from '../text.ts';
import { badgeLabel } from './badge-labels.ts';
import { escapeHtml, htmlName, linkedHtml } from './escape-html.ts';
import { readableColour } from './readable-colour.ts';
import { messageName } from './removals.ts';

export interface EventHtmlOptions {
  hasManyChannels: boolean;
  /** Classes of the message, for removals. */
  groups: string;
}

/** Throws for an event whose members are of other types than they should be. */
export function eventHtml(event: ChatEvent, { hasManyChannels, groups }: EventHtmlOptions): string {
  const sentence = eventSentence(event);
  const { message } = textParts(event);
  const id = event.id ? ` id="${messageName(event.id)}"` : '';
  const start = `${timeHtml(event)}${hasManyChannels ? channelHtml(event) : ''}`;
  if (eventType(event) === 'gap') return `<p class="gap">${start}${escapeHtml(sentence!)}</p>\n`;
  if (sentence === undefined)
    return `<p class="${groups}"${id}>${replyHtml(event)}${start}${saidHtml(event)}</p>\n`;
  const isNotice = eventType(event) === 'notice';
  const told = message === '' ? '' : isNotice ? ` ${saidHtml(event)}` : ` <q>${linkedHtml(message)}</q>`;
  return `<p class="${isNotice ? `n ${groups}` : 'x'}"${id}>${start}${escapeHtml(sentence)}${told}</p>\n`;
}

function timeHtml({ timestamp }: ChatEvent): string {
  const time = escapeHtml(timestamp);
  return `<time datetime="${time}" title="${time}">${escapeHtml(timestamp.slice(11, 19))}</time>`;
}

function channelHtml({ platform, channel }: ChatEvent): string {
  return `<span class="c">${escapeHtml(platform === '' ? channel : `${platform}/${channel}`)}</span>`;
}

/** Badges, name and text; what somebody did (`/me`) without a colon. */
function saidHtml(event: ChatEvent): string {
  const { onLight, onDark } = readableColour(event.tags?.color, event.username);
  const badges = (event.badges ?? []).map(badgeHtml).join('');
  const name = `<b style="--l:${onLight};--d:${onDark}">${escapeHtml(shownName(event))}</b>`;
  const text = `<span class="t">${linkedHtml(textParts(event).message)}</span>`;
  if (event.action) return `${badges}${name} <i>${text}</i>`;
  const kind = eventType(event) === 'private' ? ' (in private)' : '';
  return `${badges}${name}${kind}: ${text}`;
}

/** As the person writes it; with the login where that is not to be recognised in it. */
function shownName({ username, display_name: display }: ChatEvent): string {
  if (!display || display.toLowerCase() === username.toLowerCase()) return display || username;
  return `${display} (${username})`;
}

function badgeHtml(badge: string): string {
  const { text, kind } = badgeLabel(badge);
  return `<span class="b${kind && ` ${kind}`}" title="${escapeHtml(badge)}">${escapeHtml(text)}</span>`;
}

/** What the message answers, where Twitch sent it along, as a link to it. */
function replyHtml({ reply_to: id, tags }: ChatEvent): string {
  if (!id) return '';
  const name = tags?.['reply-parent-display-name'] ?? tags?.['reply-parent-user-login'];
  const text = tags?.['reply-parent-msg-body'];
  const parent = [typeof name === 'string' ? name : '', typeof text === 'string' ? text : ''].filter(Boolean);
  return `<a class="r" href="#m-${htmlName(id)}">↩ ${escapeHtml(parent.join(': ') || 'an earlier message')}</a>`;
}
