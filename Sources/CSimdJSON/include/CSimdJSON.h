#include "NativePayload.h"
#include "TraceLine.h"
