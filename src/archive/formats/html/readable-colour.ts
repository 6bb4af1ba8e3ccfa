/**
 * The colours of people's names, as chosen by them, made readable: no lighter, and no darker, than WCAG's contrast of 4.5
 * to the page allows (https://www.w3.org/TR/WCAG22/#contrast-minimum). Who chose none gets one made of the name.
 */
import { hash32 } from '../../../lib/hash.ts';

export interface ReadableColour {
  /** `#b03020`, for a light page. */
  onLight: string;
  /** For a dark one. */
  onDark: string;
}

type Rgb = [red: number, green: number, blue: number];

const LIGHT_PAGE: Rgb = [255, 255, 255];
const DARK_PAGE: Rgb = [24, 24, 27];
const CONTRAST_MIN = 4.5;
const STEPS = 20;
/** Where a colour is not chosen: as different from each other as the eye needs. */
const PALETTE = ['#d1242f', '#0969da', '#1a7f37', '#8250df', '#bf3989', '#9a6700', '#0e7490', '#c2410c'];

const known = new Map<string, ReadableColour>();
const KNOWN_MAX = 10_000;

/** @param chosen `#FF0000`; anything else counts as none */
export function readableColour(chosen: unknown, name: string): ReadableColour {
  const colour =
    typeof chosen === 'string' && /^#[0-9a-f]{6}$/i.test(chosen)
      ? chosen
      : PALETTE[hash32(name) % PALETTE.length]!;
  let readable = known.get(colour);
  if (!readable) {
    const rgb = parseColour(colour);
    readable = {
      onLight: against(LIGHT_PAGE, rgb, [0, 0, 0]),
      onDark: against(DARK_PAGE, rgb, [255, 255, 255]),
    };
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(colour, readable);
  }
  return readable;
}

/** The colour, mixed with so much of the other one as it needs. */
function against(page: Rgb, colour: Rgb, towards: Rgb): string {
  for (let step = 0; step < STEPS; step++) {
    const mixed = colour.map((part, index) =>
      Math.round(part + ((towards[index]! - part) * step) / STEPS),
    ) as Rgb;
    if (contrast(mixed, page) >= CONTRAST_MIN) return text(mixed);
  }
  return text(towards);
}

export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function parseColour(colour: string): Rgb {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function text(rgb: Rgb): string {
  return `#${rgb.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}
