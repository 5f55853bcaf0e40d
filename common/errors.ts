/** The canonical gRPC status codes that Millrace answers with (grpc/grpc `statuscodes.md`). */
export const Code = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** Who has to act: the caller changes the request, the stage is at fault, the operator mends the installation, or the load must fall. */
type Responsible = 'caller' | 'stage' | 'operator' | 'load';

/** Every reason that Millrace gives, with its code and who is responsible. Reasons are stable; messages are not. */
const REASONS = {
  FIELD_INVALID: [Code.INVALID_ARGUMENT, 'caller'],
  LIMIT_OUT_OF_RANGE: [Code.INVALID_ARGUMENT, 'caller'],
  MESSAGE_MALFORMED: [Code.INVALID_ARGUMENT, 'caller'],
  COLUMNS_INVALID: [Code.INVALID_ARGUMENT, 'caller'],
  COLUMN_MISSING: [Code.INVALID_ARGUMENT, 'caller'],
  TOKEN_INVALID: [Code.INVALID_ARGUMENT, 'caller'],
  ITEM_UNKNOWN: [Code.NOT_FOUND, 'caller'],
  SOURCE_UNKNOWN: [Code.INVALID_ARGUMENT, 'caller'],
  DECISION_UNKNOWN: [Code.NOT_FOUND, 'caller'],
  EPOCH_MISMATCH: [Code.ABORTED, 'caller'],
  OFFSET_TRUNCATED: [Code.OUT_OF_RANGE, 'caller'],
  ACCESS_TOKEN_UNKNOWN: [Code.UNAUTHENTICATED, 'caller'],
  ROLE_MISSING: [Code.PERMISSION_DENIED, 'caller'],
  PRIVACY_BUDGET_SPENT: [Code.RESOURCE_EXHAUSTED, 'caller'],
  CANCELLED: [Code.CANCELLED, 'caller'],
  DEADLINE_EXCEEDED: [Code.DEADLINE_EXCEEDED, 'load'],
  DEADLINE_SPENT: [Code.DEADLINE_EXCEEDED, 'load'],
  OVERLOADED: [Code.RESOURCE_EXHAUSTED, 'load'],
  MESSAGE_TOO_LARGE: [Code.RESOURCE_EXHAUSTED, 'caller'],
  METHOD_UNKNOWN: [Code.UNIMPLEMENTED, 'caller'],
  DISK_FULL: [Code.RESOURCE_EXHAUSTED, 'operator'],
  BUNDLE_NOT_LOADED: [Code.FAILED_PRECONDITION, 'operator'],
  BUNDLE_UNKNOWN: [Code.NOT_FOUND, 'operator'],
  BUNDLE_DAMAGED: [Code.FAILED_PRECONDITION, 'operator'],
  BUNDLE_PINNED: [Code.FAILED_PRECONDITION, 'operator'],
  DRIFT_EXCEEDED: [Code.FAILED_PRECONDITION, 'operator'],
  CONFIG_INVALID: [Code.FAILED_PRECONDITION, 'operator'],
  CATALOGUE_LAGGING: [Code.UNAVAILABLE, 'stage'],
  LAKE_BUSY: [Code.FAILED_PRECONDITION, 'operator'],
  LAKE_DAMAGED: [Code.DATA_LOSS, 'operator'],
  LAKE_UNAVAILABLE: [Code.UNAVAILABLE, 'operator'],
  QUERY_INVALID: [Code.INVALID_ARGUMENT, 'caller'],
  QUERY_FAILED: [Code.FAILED_PRECONDITION, 'caller'],
  NO_OVERLAP: [Code.FAILED_PRECONDITION, 'caller'],
  LEDGER_UNAVAILABLE: [Code.UNAVAILABLE, 'operator'],
  LEDGER_DAMAGED: [Code.DATA_LOSS, 'operator'],
  CLOCK_SET_BACK: [Code.FAILED_PRECONDITION, 'operator'],
  LOG_UNAVAILABLE: [Code.UNAVAILABLE, 'operator'],
  STORE_LOST: [Code.FAILED_PRECONDITION, 'operator'],
  STAGE_UNAVAILABLE: [Code.UNAVAILABLE, 'operator'],
  RESPONSE_INVALID: [Code.INTERNAL, 'stage'],
  INTERNAL: [Code.INTERNAL, 'stage'],
} as const satisfies Record<string, readonly [Code, Responsible]>;

export type Reason = keyof typeof REASONS;

/** One field of a request and what is wrong with it. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** The one error that crosses a boundary: a reason of the table, a message for people, and what it is about. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly reason: Reason;
  /** The canonical code; as a rule that of the reason, another one when a foreign stage sent it. */
  readonly code: Code;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];

  constructor(
    reason: Reason,
    message: string,
    options: {
      code?: Code;
      metadata?: Record<string, string>;
      violations?: FieldViolation[];
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = options.code ?? REASONS[reason][0];
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
  }

  get responsible(): Responsible {
    return REASONS[this.reason][1];
  }
}

/** A fault of one field of a request. `field` is its path, as `events[3].item_id`. */
export function fieldError(
  field: string,
  description: string,
  reason: Reason = 'FIELD_INVALID',
): MillraceError {
  return new MillraceError(reason, `${field}: ${description}`, { violations: [{ field, description }] });
}

export function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

/** Anything thrown, as the error that may leave the process. */
export function asMillraceError(thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  return new MillraceError('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), {
    cause: thrown,
  });
}

export const REASON_TABLE: Readonly<Record<Reason, readonly [Code, Responsible]>> = REASONS;
