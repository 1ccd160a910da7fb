import TestSupport

/// What Thuong should store and tell, told as the contract tells it, for the simulated town and its rules. It shares no code with the
/// product, keeps every reading, and computes everything anew whenever it is asked.
struct GatewayModel {
  static let instance = "test"

  /// Room for everything, whatever a device's clock says: what is told does not depend on what has expired.
  static let longRetention: Int64 = 100 * 365 * 86_400_000

  let rawRetention: Int64
  /// In which the engine is followed against the contract.
  let deviations: Set<EngineDeviation>

  private(set) var stored: [ModelReading] = []
  var counters = ModelCounters()
  var transitions: [ModelTransition] = []

  /// The latest instant; nil before the first input.
  private(set) var clock: Int64?
  /// Of the input that the clock is on its way to.
  var destination: Int64 = .min
  /// A silence ended while the clock was doubted.
  var isSilenceEndHeld = false
  /// The instant of the first input.
  private var registeredAt: Int64 = 0
  private var outages: [ModelOutage] = []
  var doubt = ModelClockDoubt()
  /// By device and metric of the town, in order of arrival.
  private(set) var series = ModelTown.devices.map { $0.metrics.map { _ in [ModelReading]() } }
  /// By rule and device.
  var lives: [[ModelAlertLife]]
  /// The alerts that are raised, in order of rule and device.
  var alertsOpen: [ModelOpenAlert] = []
  var silences: [ModelSilence] = []
  /// By rule and device: the last times of its turns.
  var turns: [String: [Int64]] = [:]

  /// What may come again on a later connection.
  struct Remembered {
    var topic: String
    var payload: [UInt8]
    var packet: UInt16
    /// The connection on which it came last.
    var connection: Int
  }
  var remembered: [Remembered] = []
  private(set) var connection = 0

  init(deviations: Set<EngineDeviation> = [], rawRetention: Int64 = 400 * 86_400_000) {
    (self.deviations, self.rawRetention) = (deviations, rawRetention)
    let life = ModelAlertLife(holdsSpanTimesThatWereFalse: deviations.contains(.holdsSpanTimesThatWereFalse))
    lives = ModelRules.all.map { _ in ModelTown.devices.map { _ in life } }
  }

  var isDoubtful: Bool { doubt.isDoubtful }

  /// The ids of the alerts that are raised, in order.
  var openAlerts: [String] { alertsOpen.map(\.id).sorted() }

  var outcome: ModelOutcome {
    ModelOutcome(
      stored: stored, counters: counters, transitions: transitions, alerts: alerts, clock: clock, isDoubtful: isDoubtful)
  }

  private var alerts: [ModelAlert] {
    var found: [ModelAlert] = []
    for (r, rule) in ModelRules.all.enumerated() {
      for (d, device) in ModelTown.devices.enumerated() {
        if let raised = lives[r][d].raised {
          found.append(ModelAlert(rule: rule.id, subject: device.subject, breachedAt: raised.breachedAt, raisedAt: raised.at))
        } else if let since = lives[r][d].pendingSince {
          found.append(ModelAlert(rule: rule.id, subject: device.subject, breachedAt: since, raisedAt: nil))
        }
      }
    }
    return found.sorted { ($0.rule, $0.subject) < ($1.rule, $1.subject) }
  }

  mutating func apply(_ input: ModelInput) {
    if case .connection(let isSessionPresent) = input.kind {
      connection += 1
      if !isSessionPresent { remembered = [] }
      return
    }
    var kind = input.kind
    // Whoever says something has seen the alerts that were raised before.
    if case .command(let json) = kind { kind = .command(RandomTrace.naming(json, alerts: openAlerts)) }
    advance(to: input.at)
    switch kind {
    case .message(let topic, let payload, let retain, let packet): message(topic, payload, retain: retain, packet: packet)
    case .intake(let up): intake(up: up)
    case .command(let json): command(json)
    case .clock, .connection: break
    }
  }

  private mutating func intake(up: Bool) {
    let isDown = outages.last.map { $0.to == nil } ?? false
    if up, isDown { outages[outages.count - 1].to = now }
    if !up, !isDown { outages.append(ModelOutage(from: now, to: nil)) }
  }

  private mutating func command(_ json: String) {
    if let command = ModelCommand(json) { return obey(command) }
    switch json.filter({ $0 != " " }) {
    case #"{"clock":"doubtful"}"#: doubt.isTold = true
    case #"{"clock":"trusted"}"#: doubt.isTold = false
    case #"{"session":"new"}"#: remembered = []
    default: preconditionFailure("no command of a trace: \(json)")
    }
  }

  // MARK: Time

  /// Known to every input but a connection.
  var now: Int64 { clock ?? 0 }

  /// Ticks are the whole minutes, each before any input of its instant or later. The clock never goes back, whatever an input says.
  private mutating func advance(to at: Int64) {
    if clock == nil { registeredAt = at }
    destination = at
    if let clock, at > clock { passHeldSilences() }
    // The contract does not say whether the first input's own instant has a tick; as the engine: it has.
    var last = clock ?? at - 1
    while true {
      let minute = (last / 60_000 + 1) * 60_000
      let due = nextDue(after: last) ?? .max
      if min(minute, due) > at { break }
      clock = min(minute, due)
      if minute <= due { tick() }
      passDue()
      last = min(minute, due)
    }
    clock = max(clock ?? at, at)
  }

  private mutating func tick() {
    if isDoubtful { return }
    for (r, rule) in ModelRules.all.enumerated() {
      for d in ModelTown.devices.indices { lives[r][d].tick(clock: now, rule: rule) }
    }
    release()
    for (r, rule) in ModelRules.all.enumerated() where rule.usesClock {
      for (d, device) in ModelTown.devices.enumerated() where rule.isFor(device) { evaluate(r, d, at: now) }
    }
    followAtTick()
  }

  // MARK: Rules

  /// Stores a reading where its series has none of that ts. True where it is the newest good one.
  mutating func store(_ reading: ModelReading, _ device: Int, _ metric: Int) -> Bool {
    let isNewestGood = reading.isGood && !series[device][metric].contains { $0.isGood && $0.ts > reading.ts }
    stored.append(reading)
    series[device][metric].append(reading)
    return isNewestGood
  }

  /// Evaluates the rules that read one of the metrics, after all readings of one message object.
  mutating func evaluateRules(_ device: Int, reading fresh: Set<String>, at t: Int64) {
    for (r, rule) in ModelRules.all.enumerated() where rule.isFor(ModelTown.devices[device]) {
      if !fresh.isDisjoint(with: rule.metrics) { evaluate(r, device, at: t) }
    }
  }

  private mutating func evaluate(_ r: Int, _ d: Int, at t: Int64) {
    let rule = ModelRules.all[r]
    if rule.usesClock, isDoubtful { return }
    let view = ModelView(series: series[d], device: ModelTown.devices[d], t: t, registeredAt: registeredAt, outages: outages)
    let when = rule.when(view)
    let clear = rule.clear.map { $0(view) } ?? Kleene.not(when)
    switch lives[r][d].evaluated(when: when, clear: clear, t: t, clock: now, rule: rule) {
    case .none: break
    case .raised(let breachedAt): raise(r, d, breachedAt: breachedAt, at: t)
    case .cleared: self.clear(r, d, at: t)
    }
    release()
    follow(r, d, view, at: t)
  }
}
