import DeviceRegistry
import Readings
import RuleEngine

/// How many bindings of each inhibiting rule are pending or raised, by device, zone and site: whether an alert is inhibited is a look-up.
struct Inhibitions {
  private struct Key: Hashable {
    var rule: Int
    var same: AlertPolicy.Inhibition.Same
    var place: Int
  }

  /// By rule of the book: the rules that inhibit it, and where.
  private let inhibitors: [[(rule: Int, same: AlertPolicy.Inhibition.Same)]]
  private let inhibits: [Bool]
  private let zones: [String: Int]
  private let sites: [String: Int]
  private var counts: [Key: Int] = [:]
  private var active: Set<Int> = []

  init(book: RuleBook, registry: Registry) {
    let places = Dictionary(book.rules.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    let inhibitors = book.rules.map { rule in
      rule.policy.inhibitions.compactMap { inhibition in places[inhibition.rule].map { (rule: $0, same: inhibition.same) } }
    }
    let inhibiting = Set(inhibitors.flatMap { $0.map(\.rule) })
    self.inhibitors = inhibitors
    inhibits = book.rules.indices.map(inhibiting.contains)
    zones = Self.numbered(registry.devices.compactMap { device in device.zone.map { "\(device.site)/\($0)" } })
    sites = Self.numbered(registry.devices.map(\.site))
  }

  private static func numbered(_ names: [String]) -> [String: Int] {
    Dictionary(Set(names).sorted().enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func inhibits(rule: Int) -> Bool { inhibits[rule] }

  /// The inhibiting rule of a binding is pending or raised, or is neither any longer.
  ///
  /// - Returns: true where something may be inhibited no longer.
  mutating func set(_ binding: Int, rule: Int, _ subject: AlertSubject, _ facts: SubjectFacts, isActive: Bool) -> Bool {
    guard isActive != active.contains(binding) else { return false }
    if isActive { active.insert(binding) } else { active.remove(binding) }
    var isOver = false
    for key in keys(rule, subject, facts) {
      let count = counts[key, default: 0] + (isActive ? 1 : -1)
      counts[key] = count == 0 ? nil : count
      if count == 0 { isOver = true }
    }
    return isOver
  }

  private func keys(_ rule: Int, _ subject: AlertSubject, _ facts: SubjectFacts) -> [Key] {
    AlertPolicy.Inhibition.Same.allCases.compactMap { same in
      place(same, subject, facts).map { Key(rule: rule, same: same, place: $0) }
    }
  }

  private func place(_ same: AlertPolicy.Inhibition.Same, _ subject: AlertSubject, _ facts: SubjectFacts) -> Int? {
    switch same {
    case .device: if case .device(let device) = subject { device } else { nil }
    case .zone: facts.zone.flatMap { zones["\(facts.site)/\($0)"] }
    case .site: sites[facts.site]
    }
  }

  /// The rule that inhibits this one on that subject now, the first that it names; nil where none does.
  func inhibitor(of rule: Int, _ subject: AlertSubject, _ facts: SubjectFacts) -> Int? {
    inhibitors[rule].first { inhibition in
      place(inhibition.same, subject, facts).map { counts[Key(rule: inhibition.rule, same: inhibition.same, place: $0)] != nil } ?? false
    }?.rule
  }
}
