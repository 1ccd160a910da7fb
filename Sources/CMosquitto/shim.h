// libmosquitto, and the two system headers that Swift's Glibc module does not show.
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/eventfd.h>
#include <sys/file.h>
