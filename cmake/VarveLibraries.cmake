# Every foreign library, once.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Catch2 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(libarchive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(spdlog REQUIRED IMPORTED_TARGET spdlog)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)

# The narrow waist: all that a driver or a store target may link, besides its own client library.
add_library(varve_waist INTERFACE)
target_include_directories(varve_waist INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(varve_waist INTERFACE Boost::headers Threads::Threads varve_flags)

# Debian 12 has Catch2 2, Debian 13 has 3. The tests are written for 2; for 3, a header of the old name brings the names that moved.
if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
  target_include_directories(Catch2::Catch2 SYSTEM INTERFACE ${CMAKE_CURRENT_LIST_DIR}/catch3)
endif()
