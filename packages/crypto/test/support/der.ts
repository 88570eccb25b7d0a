/** The few ASN.1 types that certificates are made of, written as DER. */

/** A value of any type: its tag, its length, and what it holds. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const bytes: number[] = [];
  for (let rest = content.length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  const length = content.length < 128 ? [content.length] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Uint8Array.from([tag, ...length]), content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => tlv(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Uint8Array => tlv(0x31, ...parts);
export const octets = (content: Uint8Array): Uint8Array => tlv(0x04, content);
export const boolean = (value: boolean): Uint8Array => tlv(0x01, Uint8Array.of(value ? 0xff : 0));
export const nothing = (): Uint8Array => tlv(0x05);

/** A number from 0 to 127. */
export const smallInteger = (value: number): Uint8Array => tlv(0x02, Uint8Array.of(value));

/** The context-specific type with this number: constructed around another value, or primitive text. */
export const wrapped = (number: number, part: Uint8Array): Uint8Array => tlv(0xa0 | number, part);
export const tagged = (number: number, text: string): Uint8Array => tlv(0x80 | number, Buffer.from(text));

/** Types of text. */
export const UTF8_STRING = 12;
export const PRINTABLE_STRING = 19;
export const T61_STRING = 20;
export const BMP_STRING = 30;

export const string = (text: string, type: number = UTF8_STRING): Uint8Array => tlv(type, Buffer.from(text));

/** Bits by their numbers, as key usages have them. */
export function bits(numbers: readonly number[]): Uint8Array {
  const size = Math.max(...numbers) + 1;
  const bytes = new Uint8Array(Math.ceil(size / 8));
  for (const number of numbers) bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (0x80 >> (number & 7));
  return tlv(0x03, Uint8Array.of(bytes.length * 8 - size), bytes);
}

/** A string of whole bytes as a BIT STRING. */
export const bitString = (bytes: Uint8Array): Uint8Array => tlv(0x03, Uint8Array.of(0), bytes);

export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...arcs] = dotted.split(".").map(Number);
  const encoded = [first * 40 + second, ...arcs].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
    return digits;
  });
  return tlv(0x06, Uint8Array.from(encoded));
}

/** A time as RFC 5280 4.1.2.5 has it: two digits of the year until 2049. */
export function time(moment: Date): Uint8Array {
  const digits = `${moment.toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  const short = moment.getUTCFullYear() >= 1950 && moment.getUTCFullYear() < 2050;
  return short ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}
