// What Swift has no word for: memory that will be read soon.

/// Asks the processor for the line that holds `address`, and does not wait for it. Any address will do: it is a hint.
static inline void thuong_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
