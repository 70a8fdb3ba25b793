import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import type { Element } from './xml.ts';
import { escapeXml, parseXml } from './xml.ts';

const parse = (text: string): Element => parseXml(Buffer.from(text));
const leaf = (name: string, text = ''): Element => ({ name, children: [], text });

describe('the XML of a call', () => {
  it.each<[string, string, Element]>([
    ['a declaration before it', `<?xml version='1.0' encoding="UTF-8"?>\n<a/>`, leaf('a')],
    ['a mark of its byte order', '\ufeff<a/>', leaf('a')],
    ['space in tags and around them', ' <a ></a\n> ', leaf('a')],
    ['entities and references', '<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;</a>', leaf('a', '<&>"\'A😀')],
    ['ends of lines as of another system', '<a>1\r\n2\r3</a>', leaf('a', '1\n2\n3')],
    ['elements between text', '<a>1<b/>2</a>', { name: 'a', children: [leaf('b')], text: '12' }],
  ])('may have %s', (_, text, element) => {
    expect(parse(text)).toEqual(element);
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /"<" is missing/],
    ['words', 'hello', /"<" is missing/],
    ['no end', '<a><b></b>', /ends within an element/],
    ['no end of a tag', '<a', /has an attribute or is not closed/],
    ['the wrong end', '<a></b>', /<a> is closed as <\/b>/],
    ['two roots', '<a/><a/>', /something follows its end/],
    ['an attribute', '<a b="c"/>', /has an attribute/],
    ['a comment', '<!-- --><a/>', /document type, a comment or a CDATA section/],
    ['a CDATA section', '<a><![CDATA[x]]></a>', /document type, a comment or a CDATA section/],
    ['a processing instruction', '<?php ?><a/>', /not followed by the name of an element/],
    ['an entity of HTML', '<a>&nbsp;</a>', /an entity that XML-RPC does not know/],
    ['an entity named as what objects of JavaScript inherit', '<a>&constructor;</a>', /an entity that XML-RPC/],
    ['half an entity', '<a>&amp</a>', /an entity that XML-RPC/],
    ['a reference to nothing', '<a>&#0;</a>', /an entity that XML-RPC/],
    ['a reference to half a character', '<a>&#xD800;</a>', /an entity that XML-RPC/],
    ['a reference beyond Unicode', '<a>&#x110000;</a>', /an entity that XML-RPC/],
    ['a control character', '<a>\u0001</a>', /a character that XML does not allow/],
    ['another encoding', '<?xml version="1.0" encoding="utf-16"?><a/>', /its encoding is utf-16/],
    ['a nest of elements', '<a>'.repeat(20_000), /nested more than 16 deep/],
  ])('is refused with a sentence when it has %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(Fault);
  });

  it('is refused when it is not UTF-8', () => {
    expect(() => parseXml(Buffer.from([0x3c, 0x61, 0x3e, 0xff]))).toThrow('it is not UTF-8');
  });

  it('expands no entities, whatever it declares', () => {
    const lines = Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`);
    const bomb = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">${lines.join('')}]><a>&l9;</a>`;
    expect(() => parse(bomb)).toThrow('it has a document type');
    expect(() => parse('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')).toThrow('a document type');
  });

  it('holds any text that was escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const held = text.replace(/[^\t\n\r\u0020-\ufffd]/g, '\ufffd');
        expect(parse(`<a>${escapeXml(text)}</a>`)).toEqual(leaf('a', held));
      }),
    );
  });

  it('is an element or a fault, whatever comes', () => {
    const pieces = [
      '<a>',
      '</a>',
      '<a/>',
      '<',
      '>',
      '/',
      '&',
      ';',
      '&lt;',
      '&#',
      'x',
      '!',
      '?',
      '<?xml version="1.0"?>',
    ];
    const piece = fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
        try {
          expect(parse(parts.join(''))).toHaveProperty('name');
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
