import { mix32 } from '../random.ts';
import { type BloomEngine, type BloomShape, bloomEngines } from './filter.ts';

/** What every serialised filter says of itself. */
export interface BloomHeader {
  readonly engine: BloomEngine;
  readonly shape: BloomShape;
  readonly seed: number;
  readonly added: number;
}

const MAGIC = 0x4642524d;
const FORMAT_VERSION = 1;
const HEADER_BYTES = 28;

/**
 * Layout, little-endian: magic "MRBF", then u8 format version, u8 engine, u8 k, u8 0, u32 m, u32 keys added (at most
 * 2^32 - 1), u32 seed, u32 payload bytes, u32 checksum of all the rest, then the bit array (bit i in byte i >> 3 at i & 7),
 * zero-padded to a multiple of 4 bytes.
 */
export function writeBloom(header: BloomHeader, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + Math.ceil(payload.length / 4) * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, FORMAT_VERSION);
  view.setUint8(5, bloomEngines.indexOf(header.engine));
  view.setUint8(6, header.shape.hashes);
  view.setUint32(8, header.shape.bits, true);
  view.setUint32(12, Math.min(header.added, 0xffffffff), true);
  view.setUint32(16, header.seed, true);
  view.setUint32(20, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  view.setUint32(24, checksum(bytes), true);
  return bytes;
}

/** Reads what `writeBloom` wrote; the payload is an aligned copy. Throws naming what is wrong with damaged bytes. */
export function parseBloom(bytes: Uint8Array): { header: BloomHeader; payload: Uint8Array } {
  if (bytes.length < HEADER_BYTES || bytes.length % 4 !== 0) throw damaged(`has ${bytes.length} bytes`);
  const copy = new Uint8Array(bytes);
  const view = new DataView(copy.buffer);
  if (view.getUint32(0, true) !== MAGIC) throw damaged('wrong magic');
  if (view.getUint8(4) !== FORMAT_VERSION)
    throw damaged(`format ${view.getUint8(4)}, this reads ${FORMAT_VERSION}`);
  if (view.getUint32(24, true) !== checksum(copy)) throw damaged('wrong checksum');
  const engine = bloomEngines[view.getUint8(5)];
  const shape = { bits: view.getUint32(8, true), hashes: view.getUint8(6) };
  const payloadBytes = view.getUint32(20, true);
  if (engine === undefined) throw damaged(`unknown engine ${view.getUint8(5)}`);
  if (shape.bits < 1 || shape.hashes < 1) throw damaged(`m ${shape.bits}, k ${shape.hashes}`);
  if (
    payloadBytes !== Math.ceil(shape.bits / 8) ||
    HEADER_BYTES + Math.ceil(payloadBytes / 4) * 4 !== copy.length
  ) {
    throw damaged(`${copy.length} bytes for m ${shape.bits}`);
  }
  const header = { engine, shape, seed: view.getUint32(16, true), added: view.getUint32(12, true) };
  return { header, payload: copy.subarray(HEADER_BYTES) };
}

/** Chained over the 32-bit words, the checksum's own left out: each step is a bijection, so one changed word always shows. */
function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  let sum = words.length;
  for (let i = 0; i < words.length; i++) if (i !== 6) sum = mix32(sum ^ words[i]);
  return sum;
}

function damaged(reason: string): Error {
  return new Error(`bloom filter: damaged bytes: ${reason}`);
}
