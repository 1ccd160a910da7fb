// Links a second life into a test's executable: started with HELD_READ=DATABASE in its environment it opens that database, begins to
// read, says `holding` on standard output, and holds the read transaction until its standard input ends.
#ifndef THUONG_HELD_READ_H
#define THUONG_HELD_READ_H
#endif
