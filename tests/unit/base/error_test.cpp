#include "varve/error.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>

namespace varve::test {
namespace {

TEST_CASE("steps are put in front of the sentence, the outermost first") {
    auto error = Error{Fault::unreachable, "the link went down"};
    error.during("storing wal/01/07").during("archiving orders").during("");

    CHECK(std::string{error.what()} == "archiving orders: storing wal/01/07: the link went down [unreachable]");
    CHECK(error.sentence() == "archiving orders: storing wal/01/07: the link went down");
}

TEST_CASE("the remedy closest to the cause stays, and context is kept beside the sentence") {
    const auto error = Error{Fault::denied, "no"}.hint("Grant it.").hint("Ask somebody.").with("sqlstate", "42501");

    CHECK(error.remedy() == "Grant it.");
    CHECK(error.context().at("sqlstate") == "42501");
}

TEST_CASE("the exit code follows from the fault unless a code word brings its own") {
    struct Row {
        Fault fault;
        int exit_code;
    };
    const auto row = GENERATE(values<Row>({{Fault::invalid, 2},
                                           {Fault::missing, 1},
                                           {Fault::denied, 77},
                                           {Fault::conflict, 1},
                                           {Fault::corrupt, 13},
                                           {Fault::unsupported, 1},
                                           {Fault::unreachable, 75},
                                           {Fault::overloaded, 75},
                                           {Fault::refused, 5},
                                           {Fault::cancelled, 130},
                                           {Fault::defect, 1}}));
    CAPTURE(name_of(row.fault));

    CHECK(Error(row.fault, "x").exit_code() == row.exit_code);
    CHECK(Error(row.fault, "x").code("repository_missing", 10).exit_code() == 10);
}

TEST_CASE("whatever was thrown becomes an Error that says what the reader can do") {
    const auto fault = [](auto thrown) { return error_of(std::make_exception_ptr(thrown)).fault(); };
    const auto full = std::make_error_code(std::errc::no_space_on_device);

    CHECK(fault(Error{Fault::corrupt, "x"}) == Fault::corrupt);
    CHECK(fault(boost::system::system_error{boost::asio::error::operation_aborted}) == Fault::cancelled);
    CHECK(fault(boost::system::system_error{boost::asio::error::connection_refused}) == Fault::unreachable);
    CHECK(fault(std::filesystem::filesystem_error{"x", full}) == Fault::overloaded);
    CHECK(fault(std::system_error{EACCES, std::generic_category()}) == Fault::denied);
    CHECK(fault(std::bad_alloc{}) == Fault::overloaded);
    CHECK(fault(std::runtime_error{"x"}) == Fault::defect);
    CHECK(fault(7) == Fault::defect);
}

TEST_CASE("a stop is told from a failure") {
    CHECK(is_stop(std::make_exception_ptr(Error{Fault::cancelled, "x"})));
    CHECK(is_stop(std::make_exception_ptr(boost::system::system_error{boost::asio::error::operation_aborted})));
    CHECK_FALSE(is_stop(std::make_exception_ptr(Error{Fault::corrupt, "x"})));
    CHECK_FALSE(is_stop(nullptr));
}

}  // namespace
}  // namespace varve::test
