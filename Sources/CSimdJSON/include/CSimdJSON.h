#include "JSONText.h"
#include "NativePayload.h"
#include "TraceLine.h"
