// swift-tools-version: 6.2
import PackageDescription

/// `make fuzz` sets it: our targets are then built with libFuzzer's coverage and AddressSanitizer, in a build folder of their own.
let isFuzzing = Context.environment["THUONG_FUZZ"] != nil

/// Settings of every Swift target of ours. They stand here and not on the command line, where some break dependencies.
let ordinary: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let strict = isFuzzing ? ordinary + [.unsafeFlags(["-sanitize=address,fuzzer"])] : ordinary
/// For targets that own unsafe memory: each unsafe use is marked, and explained by a `// Safe:` line.
let strictMemory = strict + [.strictMemorySafety()]

/// For the gateway: the engine and the writer are one thread's own. Checking at run time that no two accesses to their properties overlap
/// took a quarter of a step; a debug build still checks.
let ownedByOneThread: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

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
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")

/// What `make fuzz` adds. The linker is LLVM's: gold fails on AddressSanitizer's symbols.
let fuzzer: [Target] = [
  .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzzing/CLibFuzzer"),
  .executableTarget(
    name: "thuong-fuzz", dependencies: ["CLibFuzzer", "Fuzzing"], path: "Tests/Fuzzing/Driver", swiftSettings: strict,
    linkerSettings: [.unsafeFlags(["-sanitize=address,fuzzer", "-use-ld=lld"])]),
]

/// The order is the architecture: a target imports only targets above it. `Tests/ArchitectureTests` checks the imports.
let package = Package(
  name: "thuong",
  products: [
    // A test preloads it into a gateway to move that gateway's wall clock.
    .library(name: "SteppedClock", type: .dynamic, targets: ["CSteppedClock"])
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CPrefetch"),
    .target(
      name: "CSimdJSON", cxxSettings: [.unsafeFlags(["-O2"] + (isFuzzing ? ["-fsanitize=address,fuzzer-no-link"] : []))],
      linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "Readings", swiftSettings: strict),
    .target(name: "Database", dependencies: ["CZlib", "Readings", grdb], swiftSettings: strict),
    .target(name: "DeviceRegistry", dependencies: ["Readings", yams], swiftSettings: strict),
    .target(name: "Decoding", dependencies: ["CSimdJSON", "Readings", "DeviceRegistry"], swiftSettings: strictMemory),
    .target(name: "SeriesStore", dependencies: ["Readings", "Database", "DeviceRegistry", grdb], swiftSettings: strictMemory),
    .target(
      name: "RuleEngine", dependencies: ["CPrefetch", "Readings", "DeviceRegistry", "SeriesStore", yams, crypto], swiftSettings: strict),
    .target(name: "Alerting", dependencies: ["Readings", "Database", "RuleEngine", crypto, grdb], swiftSettings: strict),
    .target(
      name: "Outbox",
      dependencies: ["CSimdJSON", "Readings", "Database", "Alerting", crypto, httpClient, logging, grdb, nio, nioHTTP1, nioPosix, nioSSL],
      swiftSettings: strict),
    .target(name: "MQTTIntake", dependencies: ["COpenSSL", "Readings"], swiftSettings: strictMemory),
    .target(
      name: "Gateway",
      dependencies: [
        "CMosquitto", "Readings", "Database", "DeviceRegistry", "Decoding", "SeriesStore", "RuleEngine", "Alerting", "Outbox",
        "MQTTIntake", grdb, logging, lifecycle, yams,
      ], swiftSettings: strict + ownedByOneThread),
    .target(
      name: "Console",
      dependencies: [
        "Readings", httpTypes, nio, "Database", "DeviceRegistry", "SeriesStore", "RuleEngine", "Alerting", "Outbox", "Gateway", hummingbird,
        logging, lifecycle,
      ],
      // In the binary itself, which is installed alone.
      resources: [
        .embedInCode("Schemas/event-1.json"), .embedInCode("Schemas/alert-1.json"), .embedInCode("Schemas/gap-1.json"),
        .embedInCode("Schemas/alive-1.json"), .embedInCode("Schemas/test-1.json"),
      ],
      swiftSettings: strict),
    .target(
      name: "Simulation",
      dependencies: [
        "CMosquitto", "CZlib", "CZstd", "CSimdJSON", "Readings", "Database", "DeviceRegistry", "RuleEngine", "Alerting", "Outbox",
        "Gateway",
        yams, hummingbird, httpClient, httpTypes, nio, nioHTTP1, logging,
      ], swiftSettings: strict),
    .executableTarget(
      name: "thuong",
      dependencies: [
        "Readings", "Database", "DeviceRegistry", "SeriesStore", "RuleEngine", "Alerting", "Outbox", "Gateway", "Console", "Simulation",
        arguments, lifecycle, unixSignals, logging,
      ], swiftSettings: strict),
    .executableTarget(
      name: "thuong-bench",
      dependencies: [
        "CMosquitto", "Readings", "Database", "DeviceRegistry", "SeriesStore", "RuleEngine", "Outbox", "Gateway", "Simulation", arguments,
        grdb, httpClient, nio, nioHTTP1, logging,
      ], path: "Benchmarks/ThuongBench", swiftSettings: strict),
    .target(name: "CSteppedClock", path: "Tests/CSteppedClock"),
    .target(name: "TestSupport", dependencies: ["CHeldRead"], path: "Tests/TestSupport", swiftSettings: strict),
    .target(
      name: "CFaultyDisk", path: "Tests/CFaultyDisk", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
      linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(name: "CHeldRead", path: "Tests/CHeldRead", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .executableTarget(
      name: "TrapGateway", dependencies: ["Console", "Gateway", "Readings", lifecycle, unixSignals, logging], path: "Tests/TrapGateway",
      swiftSettings: strict),
    .target(
      name: "Fuzzing",
      dependencies: [
        "TestSupport", "Readings", "Database", "DeviceRegistry", "Decoding", "SeriesStore", "RuleEngine", "Alerting", "Outbox",
        "MQTTIntake", "Gateway", "Console", "Simulation", grdb,
      ], path: "Tests/Fuzzing/Harnesses", swiftSettings: strict),
    .testTarget(name: "ReadingsTests", dependencies: ["TestSupport", "Readings"], swiftSettings: strict),
    .testTarget(name: "DatabaseTests", dependencies: ["TestSupport", "Database", grdb], swiftSettings: strict),
    .testTarget(name: "DeviceRegistryTests", dependencies: ["TestSupport", "DeviceRegistry", "Readings"], swiftSettings: strict),
    .testTarget(name: "DecodingTests", dependencies: ["TestSupport", "Fuzzing", "Decoding", "Readings"], swiftSettings: strict),
    .testTarget(
      name: "SeriesStoreTests", dependencies: ["TestSupport", "Fuzzing", "SeriesStore", "Readings", "Database", grdb], swiftSettings: strict
    ),
    .testTarget(
      name: "RuleEngineTests", dependencies: ["TestSupport", "RuleEngine", "SeriesStore", "DeviceRegistry", "Readings"],
      swiftSettings: strict),
    .testTarget(
      name: "AlertingTests", dependencies: ["TestSupport", "Alerting", "DeviceRegistry", "RuleEngine", "Readings", "Database", grdb],
      swiftSettings: strict),
    .testTarget(
      name: "OutboxTests",
      dependencies: [
        "TestSupport", "Outbox", "Alerting", "Readings", "Database", "Simulation", grdb, logging, nio, nioHTTP1, nioPosix, nioSSL,
      ], swiftSettings: strict),
    .testTarget(name: "MQTTIntakeTests", dependencies: ["TestSupport", "MQTTIntake", "Readings", "Simulation"], swiftSettings: strict),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "TestSupport", "CAllocationCount", "Fuzzing",
        "Gateway", "Alerting", "Database", "DeviceRegistry", "MQTTIntake", "Outbox", "Readings", "RuleEngine", "SeriesStore",
        grdb, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ConsoleTests",
      dependencies: [
        "TestSupport", "Console", "Gateway", "Simulation", "Outbox", "RuleEngine", "Readings", "Database", "DeviceRegistry", httpClient,
        nio,
        nioHTTP1, logging, lifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "TestSupport", "CFaultyDisk", "Simulation", "Gateway", "MQTTIntake", "Outbox", "Alerting", "SeriesStore", "Database",
        "DeviceRegistry", "Readings", "RuleEngine", "CMosquitto", crypto, grdb, httpClient, nio, nioHTTP1, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "TestSupport", "Simulation", "Alerting", "Gateway", "Database", "DeviceRegistry", "RuleEngine", "Outbox", "Readings", "thuong",
        "TrapGateway",
        grdb, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "FuzzingTests", dependencies: ["TestSupport", "Fuzzing", "DeviceRegistry", "RuleEngine", "SeriesStore", "Readings"],
      swiftSettings: strict),
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
  ] + (isFuzzing ? fuzzer : []),
  cxxLanguageStandard: .cxx17
)
