// The words of this project, as its field uses them. Code, files and texts use these and no others.
//
//   reading      (device, metric, ts, value or none, status): one measured value at one time
//   series       all readings of one metric of one device
//   profile      what a kind of device measures: metrics, units, ranges, interval, codec
//   codec        how a payload becomes readings
//   input        a line of a trace: a message, a command, intake up or down, or the clock alone
//   clock        the engine's time: the arrival time of inputs, never the machine's clock itself
//   tick         a whole minute of the clock
//   log          the rows that hold every batch of inputs as it was committed, numbered without gaps
//   head         the newest readings of a series, in memory
//   chunk        the compressed readings of a series over a span of time
//   ring         series that are sealed together, one row of chunks a span; the oldest rows make room
//   to seal      to write what heads have into chunks, so that the log's oldest rows can go
//   rollup       (later) count, sum, min, max, first, last of a period
//   window       the readings of a series in (T - w, T], and what a rule asks of them
//   rule         a condition on windows, its hold and its severity
//   alert        one span raised .. cleared of one rule on one subject
//   breach       the time at which an alert's condition first held
//   transition   one step in an alert's life, with its reason
//   event        a transition told to an IOC as a CloudEvent
//   sink         an IOC's address, filter, secrets and queue
//   outbox       events committed but not yet delivered
//   dead letter  an event that no attempt will deliver; kept, and can be sent again by hand
//   gap          a span in which continuity cannot be proved
//   reject       an input that could not become a reading, with its reason
