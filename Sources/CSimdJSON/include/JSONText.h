// Whether bytes are JSON as RFC 8259 has it, and nothing that a more generous reader would take.
#ifndef THUONG_JSON_TEXT_H
#define THUONG_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One value in UTF-8 without a byte-order mark, with space around it or none. Safe for any bytes; they are copied.
bool thuong_is_json(const uint8_t *_Nonnull bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
