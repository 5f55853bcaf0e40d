import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { Code, type FieldViolation, isReason, MillraceError, type Reason } from '../errors.ts';

const DOMAIN = 'millrace';
const DETAILS_KEY = 'grpc-status-details-bin';
const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';

/** The error as grpc-js sends it: canonical code, message, and ErrorInfo (with BadRequest for field faults) in the trailer. */
export function toServiceError(error: MillraceError): Partial<ServiceError> {
  const info = ErrorInfo.fromPartial({
    reason: error.reason,
    domain: DOMAIN,
    metadata: { ...error.metadata },
  });
  const details = [
    { typeUrl: `${TYPE_PREFIX}ErrorInfo`, value: Buffer.from(ErrorInfo.encode(info).finish()) },
  ];
  if (error.violations.length > 0) {
    const bad = BadRequest.fromPartial({ fieldViolations: error.violations.slice(0, 20) });
    details.push({
      typeUrl: `${TYPE_PREFIX}BadRequest`,
      value: Buffer.from(BadRequest.encode(bad).finish()),
    });
  }
  const message = error.message.slice(0, 1000);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(Status.encode({ code: error.code, message, details }).finish()));
  return { code: error.code as status, details: message, metadata };
}

/** The error that grpc-js reported to a client; its reason where the server sent one, else the one nearest to its code. */
export function fromServiceError(error: ServiceError): MillraceError {
  const raw = error.metadata?.get(DETAILS_KEY)[0];
  const details = Buffer.isBuffer(raw) ? decodeDetails(raw) : undefined;
  const reason =
    details?.info !== undefined && isReason(details.info.reason) ? details.info.reason : reasonOfCode(error);
  return new MillraceError(reason, withoutWrapping(error.details || error.message), {
    code: (error.code as number) === status.OK ? Code.UNKNOWN : (error.code as Code),
    metadata: details?.info?.metadata ?? {},
    violations: details?.violations ?? [],
    cause: error,
  });
}

const UNCONNECTED =
  /Last error: (?:Error(?: \[\w+\])?: )?((?:(?!Last error: ).)*?)\.?\s*(?:\(\d{4}-\d\d-\d\dT[\d:.]+Z\)\.)?\s*Resolution note:/s;
const OPENSSL = /^[\dA-F]+:error:[\dA-F]+:SSL routines:\w*:([^:]+):.*$/s;
/** What is said beside a fault that by itself does not tell what to do. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED|ENOENT/, 'nothing listens there; is Millrace running?'],
  [/wrong version number/, 'the server speaks without TLS, and `tls` is configured here'],
  [
    /^Failed to connect/,
    'the server ended the connection; it may want TLS, and `tls` is not configured here',
  ],
  [/certificate required/, 'the server wants a certificate: `tls.cert` and `tls.key`'],
];

/** What kept grpc-js from connecting, without what it puts around that, and what it means; other messages as they are. */
function withoutWrapping(details: string): string {
  const found = UNCONNECTED.exec(details);
  if (found === null) return details;
  const fault = found[1].replace(OPENSSL, '$1');
  const hint = HINTS.find(([pattern]) => pattern.test(fault))?.[1];
  return `no connection: ${fault}${hint === undefined ? '' : ` (${hint})`}`;
}

function decodeDetails(bytes: Buffer): { info?: ErrorInfo; violations: FieldViolation[] } | undefined {
  try {
    const decoded: { info?: ErrorInfo; violations: FieldViolation[] } = { violations: [] };
    for (const { typeUrl, value } of Status.decode(bytes).details) {
      if (typeUrl === `${TYPE_PREFIX}ErrorInfo`) decoded.info = ErrorInfo.decode(value);
      if (typeUrl === `${TYPE_PREFIX}BadRequest`)
        decoded.violations = BadRequest.decode(value).fieldViolations;
    }
    return decoded;
  } catch {
    return undefined;
  }
}

function reasonOfCode(error: ServiceError): Reason {
  switch (error.code) {
    case status.CANCELLED:
      return 'CANCELLED';
    case status.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED';
    case status.RESOURCE_EXHAUSTED:
      return /larger than max|max message size/i.test(error.details) ? 'MESSAGE_TOO_LARGE' : 'OVERLOADED';
    case status.UNIMPLEMENTED:
      return 'METHOD_UNKNOWN';
    case status.UNAVAILABLE:
      return 'STAGE_UNAVAILABLE';
    case status.INVALID_ARGUMENT:
      return 'FIELD_INVALID';
    default:
      return 'INTERNAL';
  }
}
