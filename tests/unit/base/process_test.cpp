#include "varve/process.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "support/temp_dir.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

Command shell(std::string script) {
    Command command;
    command.arguments = {"sh", "-c", std::move(script)};
    return command;
}

TEST_CASE("a command gives its output, its errors and its exit code") {
    const auto result = run_command(shell("echo out; echo err >&2; exit 3"));

    CHECK(result.output == "out\n");
    CHECK(result.errors == "err\n");
    CHECK(result.exit_code == 3);
}

TEST_CASE("input, environment and working directory reach the command") {
    const TempDir folder;
    auto command = shell("cat; echo $NAME; pwd");
    command.input = std::string(300'000, 'x');  // more than a pipe holds
    command.environment["NAME"] = "value";
    command.directory = folder.path();

    const auto result = run_command(command);

    CHECK(result.output == command.input + "value\n" + std::filesystem::canonical(folder.path()).string() + "\n");
}

TEST_CASE("a program that is not ours gets no more of our environment than its path, home, language and zone") {
    ::setenv("VARVE_TEST_SECRET", "s3cret", 1);
    auto command = shell("echo \"[$VARVE_TEST_SECRET] ${PATH:+path} $NAME\"");
    command.environment["NAME"] = "value";
    CHECK(run_command(command).output == "[s3cret] path value\n");
    command.is_foreign = true;
    CHECK(run_command(command).output == "[] path value\n");
    ::unsetenv("VARVE_TEST_SECRET");
}

TEST_CASE("a command that does not read its input does not harm us") {
    auto command = shell("exec <&-; exit 0");
    command.input = std::string(1'000'000, 'x');

    CHECK(run_command(command).exit_code == 0);
}

TEST_CASE("a program that is not there is missing") {
    const auto name = GENERATE("varve-no-such-program", "/no/such/program");
    Command command;
    command.arguments = {name};
    try {
        run_command(command);
        FAIL("it ran");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::missing);
    }
}

TEST_CASE("a command that was killed says by which signal") { CHECK(run_command(shell("kill -9 $$")).exit_code == 137); }

TEST_CASE("a command beyond its time is stopped and reported as overloaded") {
    auto command = shell("sleep 1000 & wait");
    command.time_max = std::chrono::seconds{0};
    try {
        run_command(command);
        FAIL("it ended");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::overloaded);
    }
}

// pg_ctl start leaves a server behind that holds the pipes: waiting for their end waits for the server's.
TEST_CASE("a grandchild that keeps the pipes open does not keep us") {
    auto command = shell("sleep 1000 & echo $!");
    const auto result = run_command(command);
    const auto grandchild = std::stoi(result.output);

    CHECK(result.exit_code == 0);
    CHECK(::kill(grandchild, 0) == 0);
    ::kill(grandchild, SIGKILL);
}

TEST_CASE("none of our descriptors reaches a command") {
    const auto result = run_command(shell("ls /proc/self/fd | wc -l"));

    CHECK(std::stoi(result.output) <= 4);  // three, and the directory that ls reads
}

TEST_CASE("root may run a command as another user, with that user's home") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can run a command as another user");
        return;
    }
    auto command = shell("id -un; echo $HOME");
    command.user = "nobody";
    const auto result = run_command(command);

    CHECK(result.output.rfind("nobody\n/", 0) == 0);
    command.user = "varve-no-such-user";
    CHECK_THROWS_AS(run_command(command), Error);
}

TEST_CASE("a failed command as a sentence: program, exit code, last line of its errors") {
    const auto command = shell("echo first >&2; echo last >&2; exit 2");
    const auto error = command_error(command, run_command(command));

    CHECK(error.sentence() == "sh ended with exit code 2: last");
}

TEST_CASE("a running command is read to its end, and says how it ended") {
    RunningCommand command{shell("head -c 300000 /dev/zero; echo err >&2; exit 4")};
    std::vector<std::uint8_t> all(1U << 20);

    CHECK(command.read(all) == 300'000);
    CHECK(command.read(all) == 0);
    const auto result = command.finish();
    CHECK(result.exit_code == 4);
    CHECK(result.errors == "err\n");
}

TEST_CASE("a command that says much is not held up, and its last words are kept") {
    const auto talkative = shell(
        "i=0; while [ $i -lt 40000 ]; do echo 'a line of no interest, one of very many' >&2; i=$((i+1)); done; echo last >&2");
    RunningCommand command{talkative};
    std::vector<std::uint8_t> none(1);

    CHECK(command.read(none) == 0);
    for (const auto& result : {command.finish(), run_command(talkative)}) {
        CHECK(result.errors.size() > (1U << 19));
        CHECK(result.errors.size() <= (1U << 20));
        CHECK(result.errors.ends_with("last\n"));
    }
}

TEST_CASE("a running command that is asked to end does") {
    RunningCommand command{shell("exec sleep 1000")};
    std::vector<std::uint8_t> some(1);

    CHECK_FALSE(command.ends_within(std::chrono::milliseconds{1}));
    command.stop();
    CHECK(command.read(some) == 0);
    CHECK(command.finish().exit_code == 128 + SIGTERM);
}

TEST_CASE("what one command prints another one reads") {
    const auto result = run_pipeline(shell("head -c 3000000 /dev/zero"), shell("wc -c"));

    CHECK(result.producer.exit_code == 0);
    CHECK(result.consumer.exit_code == 0);
    CHECK(std::stoi(result.consumer.output) == 3'000'000);
}

TEST_CASE("a consumer does not take a failed producer's end for a whole input") {
    const auto result = run_pipeline(shell("echo some; exit 3"), shell("cat >/dev/null; sleep 1000"));

    CHECK(result.producer.exit_code == 3);
    CHECK(result.consumer.exit_code == 128 + SIGTERM);
}

TEST_CASE("a consumer that fails ends its producer") {
    const auto result = run_pipeline(shell("exec sleep 1000"), shell("echo no >&2; exit 5"));

    CHECK(result.consumer.exit_code == 5);
    CHECK(result.consumer.errors == "no\n");
    CHECK(result.producer.exit_code == 128 + SIGTERM);
}

}  // namespace
}  // namespace varve::test
