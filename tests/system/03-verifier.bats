#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's verifier takes each program, whatever clang compiled it, in a bounded number of
# steps: newer clangs make branches of what was written without any, and each doubles its work.

load lib

steps_of() { # CLANG-VERSION
	need_bpf
	need_tool "clang-$1" "clang-$1"
	"$TOP/tests/kernels/steps" "$1"
}

@test "compiled by clang 14, no kernel program takes the verifier more steps than it did" {
	steps_of 14
}

@test "compiled by clang 19, no kernel program takes the verifier more steps than it did" {
	steps_of 19
}
