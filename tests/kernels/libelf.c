/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Debian 13's libelf.a leaves out (elfutils 0.192): its trees of raw chunks, which nobody here
 * asks for, are made and ended with every file. Weak, for a libelf.a that has them.
 */
void eu_search_tree_init(void *tree);
void eu_search_tree_fini(void *tree, void (*end)(void *node));

__attribute__((weak)) void eu_search_tree_init(void *tree)
{
	(void)tree;
}

__attribute__((weak)) void eu_search_tree_fini(void *tree, void (*end)(void *node))
{
	(void)tree;
	(void)end;
}
