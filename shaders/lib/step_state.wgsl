// StepState: what changes between decoding steps, in words. `src/ops/choose.rs` has the same list.

const STATE_POSITION = 0u;  // of the token that goes in next
const STATE_ALIVE = 1u;     // sentences that have not ended
const STATE_TOKENS = 4u;    // [B] the tokens that go in next; then [B] 1 where a sentence has ended
