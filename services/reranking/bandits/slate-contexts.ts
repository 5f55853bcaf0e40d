/** Names what the values are; another meaning needs another name. */
export const SLATE_CONTEXT = 'slate.v1';
/** Slate policies that contexts tell apart. */
export const SLATE_ARMS_MAX = 8;
/** Values of a context. */
export const SLATE_CONTEXT_LENGTH = 2 * SLATE_ARMS_MAX;
const MOBILE = 'mobile';

/** What a bandit sees of `count` slate policies: which one it is, and which one on a mobile device. One row a policy. */
export function slateContexts(count: number, device: string): Float32Array {
  const contexts = new Float32Array(count * SLATE_CONTEXT_LENGTH);
  for (let arm = 0; arm < count; arm++) {
    contexts[arm * SLATE_CONTEXT_LENGTH + arm] = 1;
    if (device.toLowerCase() === MOBILE) contexts[arm * SLATE_CONTEXT_LENGTH + SLATE_ARMS_MAX + arm] = 1;
  }
  return contexts;
}
