// The entry of libFuzzer for programs with a main of their own; the compiler's runtime has it, and no header of it.
#ifndef THUONG_LIBFUZZER_H
#define THUONG_LIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

// Runs `callback` on inputs as the arguments say, which are libFuzzer's. Returns the exit code of the program.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

// What is allocated between the two is never called a leak.
void __lsan_disable(void);
void __lsan_enable(void);

#endif
