"""A tiny chat model made on the spot: Qwen3 with random layers, between an embedding and a head that know a grammar.

What it writes follows from the token before: a tool call, with an argument that is drawn. So a group's rewards vary,
and no weights are downloaded or learned.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_ADDED = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>", "\n")
_SIZE = 64
_STRENGTH = 3.0


def tiny_tokenizer(words: Sequence[str]) -> Any:
    """Qwen3's chat template over a vocabulary of some hundred pieces of text.

    Args:
        words: Texts that are one token each.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    template = (files("trl") / "chat_templates" / "qwen3.jinja").read_text()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([template], trainers.BpeTrainer(vocab_size=800, initial_alphabet=alphabet))
    tokenizer.add_special_tokens([AddedToken(each, special=True, normalized=False) for each in _SPECIAL])
    tokenizer.add_tokens([AddedToken(each, special=False, normalized=False) for each in (*_ADDED, *words)])
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=_SPECIAL[2], pad_token=_SPECIAL[0], padding_side="left"
    )
    made.chat_template = template
    return made


def tiny_model(tokenizer: Any, grammar: Mapping[str, Sequence[str]]) -> Any:
    """Two random layers of Qwen3.

    Args:
        tokenizer: Of ``tiny_tokenizer``.
        grammar: From a token to those that may follow it, equally likely.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=_SIZE,
        intermediate_size=2 * _SIZE,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.zero_()[:, 0] = 1.0
        model.lm_head.weight.zero_()
        for number, (token, following) in enumerate(grammar.items(), start=1):
            row = model.model.embed_tokens.weight[tokenizer.convert_tokens_to_ids(token)]
            row.zero_()[number] = 1.0
            for each in following:
                model.lm_head.weight[tokenizer.convert_tokens_to_ids(each), number] = _STRENGTH
    return model


def calling(tool: str, argument: str, values: Sequence[str]) -> dict[str, list[str]]:
    """The grammar of one tool call with one of some values, written as JSON."""
    begin, end = f'\n{{"name": "{tool}", "arguments": {{"{argument}": ', "}}\n"
    return {
        "\n": ["<tool_call>"],
        "<tool_call>": [begin],
        begin: list(values),
        **{value: [end] for value in values},
        end: ["</tool_call>"],
        "</tool_call>": ["<|im_end|>"],
    }
