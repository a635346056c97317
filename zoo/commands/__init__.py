"""Commands of `zoo`: thin functions whose docstrings are their help; imports of torch wait until one is called."""
