// Nothing to call: the library is preloaded into a process whose wall clock a test moves.
