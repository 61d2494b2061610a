"""The nouns of gpool. Import the module of the noun (`gpool.model.lease`); this package stays empty of imports, so
that `gpool run` can use `gpool.model.sizes` and `gpool.model.ids` without paying for pydantic.
"""
