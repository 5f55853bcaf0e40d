import { createHmac, timingSafeEqual } from 'node:crypto';
import { bytesOf, u32Of } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';

const MAC_BYTES = 16;
const HEADER_BYTES = 23;
const VERSION = 1;
const PAGE_ITEMS_MAX = 10_000;

/** What an attribution token says of a shown item. */
export interface Attribution {
  /** 32 hexadecimal digits. */
  readonly requestId: string;
  readonly position: number;
  readonly propensity: number;
}

/**
 * Signs and checks the tokens that the front door gives out: HMAC-SHA256 cut to 128 bits (RFC 2104, section 5). An attribution
 * token holds request, slot and propensity, and is bound to its user and item; a page token holds the ordinals of earlier
 * pages, and is bound to its user.
 */
export class Tokens {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  attribution(userId: string, itemId: string, { requestId, position, propensity }: Attribution): string {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = VERSION;
    header.write(requestId, 1, 16, 'hex');
    header.writeUInt16LE(position, 17);
    header.writeFloatLE(propensity, 19);
    return Buffer.concat([header, this.#mac('item', header, userId, itemId)]).toString('base64url');
  }

  /** What a token says; TOKEN_INVALID naming `field` unless it was given out for this user and item. */
  readAttribution(token: string, userId: string, itemId: string, field: string): Attribution {
    const bytes = Buffer.from(token, 'base64url');
    const header = bytes.subarray(0, HEADER_BYTES);
    if (bytes.length !== HEADER_BYTES + MAC_BYTES || header[0] !== VERSION) throw invalid(field);
    if (!timingSafeEqual(bytes.subarray(HEADER_BYTES), this.#mac('item', header, userId, itemId)))
      throw invalid(field);
    return {
      requestId: header.toString('hex', 1, 17),
      position: header.readUInt16LE(17),
      propensity: header.readFloatLE(19),
    };
  }

  /** A page token for the ordinals shown so far in this lineage; empty, so that pages end, where they are too many to keep. */
  page(userId: string, lineage: string, shown: Uint32Array): string {
    if (shown.length > PAGE_ITEMS_MAX) return '';
    const body = bytesOf(shown);
    return Buffer.concat([this.#mac('page', body, userId, lineage), body]).toString('base64url');
  }

  /** The ordinals of a page token; TOKEN_INVALID naming `field` unless it was given out for this user. */
  readPage(token: string, userId: string, lineage: string, field: string): Uint32Array {
    const bytes = Buffer.from(token, 'base64url');
    const body = bytes.subarray(MAC_BYTES);
    if (bytes.length < MAC_BYTES || body.length % 4 !== 0) throw invalid(field);
    if (!timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.#mac('page', body, userId, lineage)))
      throw invalid(field);
    return u32Of(body);
  }

  #mac(kind: string, body: Buffer, ...bound: string[]): Buffer {
    const hmac = createHmac('sha256', this.#key).update(JSON.stringify([kind, ...bound]));
    return hmac.update(body).digest().subarray(0, MAC_BYTES);
  }
}

function invalid(field: string): Error {
  return fieldError(field, 'not a token that was given out to this user for this', 'TOKEN_INVALID');
}
