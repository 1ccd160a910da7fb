// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target of ours. They stand here and not on the command line, where some break dependencies.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
/// For targets that own unsafe memory: each unsafe use is marked, and explained by a `// Safe:` line.
let strictMemory = strict + [.strictMemorySafety()]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")

/// The order is the architecture: a target imports only targets above it. `Tests/ArchitectureTests` checks the imports.
let package = Package(
  name: "thuong",
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CSimdJSON", cxxSettings: [.unsafeFlags(["-O2"])], linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "Readings", swiftSettings: strict),
    .target(name: "Database", dependencies: ["Readings", grdb], swiftSettings: strict),
    .target(name: "DeviceRegistry", dependencies: ["Readings", yams], swiftSettings: strict),
    .target(name: "Decoding", dependencies: ["CSimdJSON", "Readings", "DeviceRegistry"], swiftSettings: strictMemory),
    .target(name: "SeriesStore", dependencies: ["CZlib", "Readings", "Database", "DeviceRegistry", grdb], swiftSettings: strictMemory),
    .target(name: "RuleEngine", dependencies: ["Readings", "DeviceRegistry", "SeriesStore", yams, crypto], swiftSettings: strict),
    .target(name: "Alerting", dependencies: ["Readings", "Database", "RuleEngine", crypto, grdb], swiftSettings: strict),
    .target(
      name: "Outbox", dependencies: ["Readings", "Database", "Alerting", crypto, httpClient, logging, grdb, nio, nioHTTP1, nioPosix],
      swiftSettings: strict),
    .target(name: "MQTTIntake", dependencies: ["CMosquitto", "Readings", logging], swiftSettings: strict),
    .target(
      name: "Gateway",
      dependencies: [
        "CMosquitto", "Readings", "Database", "DeviceRegistry", "Decoding", "SeriesStore", "RuleEngine", "Alerting", "Outbox",
        "MQTTIntake", grdb, logging, lifecycle, yams,
      ], swiftSettings: strict),
    .target(
      name: "Console",
      dependencies: [
        "Readings", httpTypes, nio, "DeviceRegistry", "SeriesStore", "Alerting", "Outbox", "Gateway", hummingbird, logging, lifecycle,
      ],
      swiftSettings: strict),
    .target(
      name: "Simulation",
      dependencies: [
        "CMosquitto", "CZlib", "CZstd", "CSimdJSON", "Readings", "DeviceRegistry", "Outbox", "Gateway", yams, hummingbird, httpClient,
        httpTypes, nio, nioHTTP1, logging,
      ], swiftSettings: strict),
    .executableTarget(
      name: "thuong",
      dependencies: [
        "Readings", "Database", "DeviceRegistry", "RuleEngine", "Outbox", "Gateway", "Console", "Simulation", arguments, lifecycle,
        unixSignals, logging,
      ], swiftSettings: strict),
    .executableTarget(
      name: "thuong-bench",
      dependencies: [
        "CMosquitto", "Readings", "Database", "DeviceRegistry", "RuleEngine", "Outbox", "Gateway", "Simulation", arguments, grdb, logging,
      ], path: "Benchmarks/ThuongBench", swiftSettings: strict),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(name: "ReadingsTests", dependencies: ["TestSupport", "Readings"], swiftSettings: strict),
    .testTarget(name: "DatabaseTests", dependencies: ["TestSupport", "Database", grdb], swiftSettings: strict),
    .testTarget(name: "DeviceRegistryTests", dependencies: ["TestSupport", "DeviceRegistry", "Readings"], swiftSettings: strict),
    .testTarget(name: "DecodingTests", dependencies: ["TestSupport", "Decoding", "Readings"], swiftSettings: strict),
    .testTarget(
      name: "SeriesStoreTests", dependencies: ["TestSupport", "SeriesStore", "Readings", "Database", grdb], swiftSettings: strict),
    .testTarget(
      name: "RuleEngineTests", dependencies: ["TestSupport", "RuleEngine", "SeriesStore", "DeviceRegistry", "Readings"],
      swiftSettings: strict),
    .testTarget(
      name: "AlertingTests", dependencies: ["TestSupport", "Alerting", "RuleEngine", "Readings", "Database", grdb], swiftSettings: strict),
    .testTarget(
      name: "OutboxTests", dependencies: ["Outbox", "Alerting", "Readings", "Database", "Simulation", grdb, logging], swiftSettings: strict),
    .testTarget(name: "MQTTIntakeTests", dependencies: ["MQTTIntake", "Readings"], swiftSettings: strict),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "TestSupport",
        "Gateway", "Alerting", "Database", "DeviceRegistry", "Outbox", "Readings", "RuleEngine", "SeriesStore",
        grdb, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ConsoleTests",
      dependencies: [
        "Console", "Gateway", "Simulation", "Outbox", "Readings", "DeviceRegistry", httpClient, nio, nioHTTP1, logging, lifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["Simulation", "Outbox", "Alerting", "DeviceRegistry", "Readings", "RuleEngine", "CMosquitto", httpClient, logging],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: ["Simulation", "Gateway", "Database", "DeviceRegistry", "RuleEngine", "Outbox", "Readings", "thuong", grdb, logging],
      swiftSettings: strict),
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
  ],
  cxxLanguageStandard: .cxx17
)
