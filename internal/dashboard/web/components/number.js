// Numbers as people read them.

const format = new Intl.NumberFormat("en");

/**
 * A count, such as 12,345.
 * @param {number} n
 */
export const amount = (n) => format.format(n);

/**
 * A count with its noun, such as "1 event" or "12,345 events".
 * @param {number} n
 * @param {string} noun
 * @param {string} [several] by default the noun with an s
 */
export const counted = (n, noun, several = noun + "s") => `${amount(n)} ${n === 1 ? noun : several}`;

/**
 * A share, such as 42 % or <1 %.
 * @param {number} part
 * @param {number} whole
 */
export function share(part, whole) {
  if (part === 0 || whole === 0) return "0 %";
  const percent = (100 * part) / whole;
  return percent < 1 ? "<1 %" : `${Math.round(percent)} %`;
}
