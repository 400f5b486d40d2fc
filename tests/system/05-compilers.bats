#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The programs are compiled by gcc; what clang warns of is looked at as well.

load lib

@test "clang reads all of the C without a warning" {
	need_tool "${CLANG:-clang}" clang
	make -s -C "$TOP" other-compiler
}
